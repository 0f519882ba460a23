"""Average precision of boxes as the Pascal VOC challenge defines it."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.files import files_by_name, numbered_lines
from graphfix.datasets.voc import Box, VocObject, read_voc_objects
from graphfix.errors import ModelError, UsageError
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.score import Figure, Score


@dataclass(frozen=True)
class Detection:
    """A box that was found."""

    label: str
    score: float
    box: Box


@dataclass
class _Class:
    """All images' boxes of one class."""

    found: list[tuple[float, int, Box]] = field(default_factory=list)
    """Score, number of the image, box."""
    there: dict[int, list[VocObject]] = field(default_factory=lambda: defaultdict(list))
    """By the number of the image."""


def voc_precision(
    samples: Iterable[Judged[Sequence[Detection], Sequence[VocObject]]],
    *,
    overlap: float = 0.5,
    eleven_points: bool = False,
) -> Score:
    """``mAP`` and ``AP[label]`` of every label that has a truth which is not difficult.

    Detections of one label, best scores first, are each held against the truth in their image that
    they overlap most. They are right if intersection over union is at least ``overlap`` and that
    truth is not taken yet; they do not count if it is difficult. AP is the area under the curve of
    precision over recall once precision is made to fall only: Everingham and Winn, VOC2012
    Development Kit, sections 3.4.1 and 4.4. With ``eleven_points`` it is the mean of the best
    precision at recalls from 0, 0.1 … to 1, as until VOC2009. A box is as wide as ``x2 - x1 + 1``,
    as in the development kit.

    Raises:
        UsageError: there is no sample, or no truth that counts.
        ModelError: a number of a detection is NaN.
    """
    classes: defaultdict[str, _Class] = defaultdict(_Class)
    count = 0
    for image, sample in enumerate(some(samples)):
        count += 1
        for item in sample.output:
            if not all(map(math.isfinite, (item.score, *item.box))):
                raise ModelError(f"sample {sample.name}: a detection of {item.label!r} has NaN")
            classes[item.label].found.append((item.score, image, item.box))
        for truth in sample.truth:
            classes[truth.label].there[image].append(truth)
    found = {
        label: _average_precision(classes[label], overlap, eleven_points)
        for label in sorted(classes)
        if any(not truth.difficult for truths in classes[label].there.values() for truth in truths)
    }
    if not found:
        raise UsageError("no truth counts; check the labels")
    others = sorted(set(classes) - set(found))
    notes = (f"no truth counts for: {', '.join(others)}",) if others else ()
    mean = Figure("mAP", math.fsum(found.values()) / len(found))
    each = (Figure(f"AP[{label}]", value) for label, value in found.items())
    return Score((mean, *each), count, "images", notes)


def _average_precision(boxes: _Class, overlap: float, eleven_points: bool) -> float:
    positives = sum(not truth.difficult for truths in boxes.there.values() for truth in truths)
    taken: set[tuple[int, int]] = set()
    right: list[bool] = []
    for _, image, box in sorted(boxes.found, key=lambda item: -item[0]):
        truths = boxes.there.get(image, [])
        overlaps = [_overlap(box, truth.box) for truth in truths]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best < 0 or overlaps[best] < overlap:
            right.append(False)
        elif not truths[best].difficult:
            right.append((image, best) not in taken)
            taken.add((image, best))
    hits = np.cumsum(right)
    recall = hits / positives
    precision = hits / np.arange(1, len(right) + 1)
    return _eleven_points(recall, precision) if eleven_points else _area(recall, precision)


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (_size(a) + _size(b) - both)


def _size(box: Box) -> float:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)


def _area(recall: Array, precision: Array) -> float:
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(recall, prepend=0.0) @ best_from_here) if recall.size else 0.0


def _eleven_points(recall: Array, precision: Array) -> float:
    return math.fsum(precision[recall >= k / 10].max(initial=0.0) for k in range(11)) / 11


@dataclass(frozen=True)
class Voc(Metric):
    """Mean average precision of boxes, as the Pascal VOC challenge defines it."""

    name = "voc"
    outputs = "folder of comp4_det_test_LABEL.txt (or LABEL.txt) with lines IMAGE SCORE X1 Y1 X2 Y2"
    labels = "folder of annotations (.xml)"
    reads_arrays = False

    images: Path | None = None
    """Text file with the names of the images that count, one per line; all if not given."""
    overlap: float = 0.5
    """Least intersection over union of a detection that is right."""
    eleven_points: bool = False
    """Whether AP is the mean at eleven recalls, as until VOC2009, instead of the area."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`voc_precision`."""
        truths = {Path(n).stem: p for n, p in files_by_name(files.labels, (".xml",)).items()}
        names = list(truths)
        if self.images is not None:
            lines = numbered_lines(self.images)
            names = list(dict.fromkeys(line.split()[0] for _, line in lines))
            for name in names:
                if name not in truths:
                    raise UsageError(f"{self.images}: {files.labels} has no {name}.xml")
        found = _read_results(files.outputs, frozenset(names))
        return voc_precision(
            (Judged(name, found.get(name, ()), read_voc_objects(truths[name])) for name in names),
            overlap=self.overlap,
            eleven_points=self.eleven_points,
        )


def _read_results(folder: Path, names: frozenset[str]) -> Mapping[str, Sequence[Detection]]:
    found: dict[str, list[Detection]] = defaultdict(list)
    for name, path in files_by_name(folder, (".txt",)).items():
        label = re.sub(r"^comp\d+_det_[^_]+_", "", name).removesuffix(".txt")
        for where, line in numbered_lines(path):
            try:
                image, score, x1, y1, x2, y2 = line.split()
                detection = Detection(
                    label, float(score), (float(x1), float(y1), float(x2), float(y2))
                )
            except ValueError as error:
                raise UsageError(f"{where}: write IMAGE SCORE X1 Y1 X2 Y2") from error
            if image not in names:
                raise UsageError(f"{where}: image {image} has no annotation")
            found[image].append(detection)
    return found
