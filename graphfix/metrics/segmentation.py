"""Semantic segmentation: intersection over union, pixel accuracy and kappa."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.cityscapes import cityscapes, read_train_ids
from graphfix.datasets.files import files_by_name
from graphfix.datasets.images import read_image
from graphfix.errors import UsageError
from graphfix.metrics.decode import class_map
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays, decoded
from graphfix.metrics.outputs import Layout, read_output
from graphfix.metrics.score import Figure, Score

_MOST_CLASSES = 4096
"""Their table of counts has 128 MiB."""


def segmentation(
    samples: Iterable[Judged[Array, Array]], classes: int, ignore: tuple[int, ...] = (255,)
) -> Score:
    """``mIoU``, pixel accuracy, Cohen's kappa, and ``IoU[k]`` of every class.

    Outputs and truths are maps of classes ``[H, W]`` of an integer type. Pixels whose truth is in
    ``ignore`` do not count. All images share one table of counts ``N[truth, output]``, so memory
    does not grow with them. ``IoU[k] = N[k,k] / (row k + column k - N[k,k])``: Everingham and
    Winn, VOC2012 Development Kit, section 5.4; ``mIoU`` is the mean over the classes that occur
    in truth or output, the others being NaN. Accuracy is ``trace / total``; kappa compares it with
    what chance would reach: Cohen, A Coefficient of Agreement (1960). All are NaN when every pixel
    is ignored.

    Raises:
        UsageError: there is no sample, shapes differ, or a class is out of range.
    """
    table = np.zeros((classes, classes), np.int64)
    count = 0
    for sample in some(samples):
        table += _counts(sample, classes, ignore)
        count += 1
    return Score(_figures(table), count, "images", () if table.any() else ("no pixel counts",))


def _counts(sample: Judged[Array, Array], classes: int, ignore: tuple[int, ...]) -> Array:
    output, truth = sample.output, sample.truth
    if output.shape != truth.shape:
        raise UsageError(
            f"sample {sample.name}: a map of {output.shape}, but the truth has {truth.shape}; "
            "resize the output as the model's own evaluation does"
        )
    kept = ~np.isin(truth, ignore)
    output, truth = output[kept].astype(np.int64), truth[kept].astype(np.int64)
    for what, array in (("the output", output), ("the truth", truth)):
        wrong = array[(array < 0) | (array >= classes)]
        if wrong.size:
            raise UsageError(
                f"sample {sample.name}: {what} has class {wrong[0]}, but there are classes 0 to "
                f"{classes - 1}; check the number of classes and what to ignore"
            )
    return np.bincount(truth * classes + output, minlength=classes**2).reshape(classes, classes)


def _figures(table: Array) -> tuple[Figure, ...]:
    total = float(table.sum())
    right = np.diag(table).astype(np.float64)
    rows, columns = table.sum(axis=1).astype(np.float64), table.sum(axis=0).astype(np.float64)
    union = rows + columns - right
    iou = np.divide(right, union, out=np.full_like(right, np.nan), where=union > 0)
    seen = iou[union > 0]
    accuracy = right.sum() / total if total else np.nan
    chance = rows @ columns / total**2 if total else np.nan
    # One class in truth and output alike: the agreement is perfect and says nothing.
    kappa = (accuracy - chance) / (1 - chance) if chance != 1 else np.nan
    return (
        Figure("mIoU", float(seen.mean()) if seen.size else float("nan")),
        Figure("accuracy", float(accuracy)),
        Figure("kappa", float(kappa)),
        *(Figure(f"IoU[{k}]", float(value)) for k, value in enumerate(iou)),
    )


@dataclass(frozen=True)
class Segmentation(Metric):
    """Mean intersection over union, pixel accuracy and kappa of semantic segmentation."""

    name = "miou"
    outputs = "folder of arrays: scores [C,H,W] or classes [H,W], with or without a batch of 1"
    labels = "folder of .png (or .npy) maps of classes [H,W] of the same names, or of Cityscapes"
    libraries = ("pillow",)

    classes: int
    """Number of classes."""
    ignore: tuple[int, ...] = (255,)
    """Values in the truth that do not count."""

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= _MOST_CLASSES:
            raise ValueError(f"classes must be between 1 and {_MOST_CLASSES}")

    def evaluate(self, files: Files) -> Score:
        """See :func:`segmentation`."""
        truths, read = _truths(files.labels)
        samples = decoded(arrays(files, truths), class_map)
        maps = (Judged(item.name, item.output, read(item.truth)) for item in samples)
        return segmentation(maps, self.classes, self.ignore)


def _truths(labels: Path) -> tuple[Mapping[str, Path], Callable[[Path], Array]]:
    """The files of labels by the names of their images, and how to read one."""
    if (labels / "gtFine").is_dir():
        return {picture.name: picture.truth for picture in cityscapes(labels)}, read_train_ids
    return files_by_name(labels, (".png", ".npy")), _read


def _read(path: Path) -> Array:
    if path.suffix == ".npy":
        return class_map(read_output(path, Layout()))
    return class_map(read_image(path))
