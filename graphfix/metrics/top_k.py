"""Top-k accuracy: whether the true class is among the k that score best."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.imagenet import read_classes
from graphfix.errors import UsageError
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays
from graphfix.metrics.score import Figure, Score


def top_k(samples: Iterable[Judged[Array, int]], k: tuple[int, ...] = (1, 5)) -> Score:
    """The fraction of samples whose class is among the ``k`` that score best.

    An output holds the scores of one sample, ``[C]`` or ``[1, C]`` of any number type; the truth is
    a class from 0. Of equal scores the lower class ranks first, as with ``numpy.argmax``. A sample
    with a NaN among its scores is a miss.

    Formula: Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (2015), section
    4.1, as accuracy instead of error.

    Raises:
        UsageError: there is no sample, a class is out of range, or ``k`` exceeds the classes.
    """
    if not k or min(k) < 1:
        raise UsageError("k: give ranks of at least 1")
    hits = dict.fromkeys(k, 0)
    count = broken = 0
    for sample in some(samples):
        scores, label = sample.output.reshape(-1), sample.truth
        if sample.output.shape and sample.output.shape[-1] != scores.size:
            raise UsageError(
                f"sample {sample.name}: shape {sample.output.shape} holds more than one sample"
            )
        if not 0 <= label < scores.size:
            raise UsageError(
                f"sample {sample.name}: class {label}, but the output has the scores of "
                f"{scores.size} classes, from 0; check the labels, shape and dtype"
            )
        if max(k) > scores.size:
            raise UsageError(f"sample {sample.name}: k={max(k)}, but only {scores.size} classes")
        count += 1
        if np.isnan(scores).any():
            broken += 1
            continue
        before = np.count_nonzero(scores > scores[label])
        before += np.count_nonzero(scores[:label] == scores[label])
        for rank in k:
            hits[rank] += int(before < rank)
    figures = tuple(Figure(f"top-{rank}", hits[rank] / count) for rank in k)
    notes = (f"{broken} of {count} outputs hold NaN and are misses",) if broken else ()
    return Score(figures, count, "samples", notes)


@dataclass(frozen=True)
class TopK(Metric):
    """Whether the true class is among the k that score best."""

    name = "top-k"
    outputs = "folder of arrays: the scores of one sample, [C] or [1,C]"
    labels = "text file with lines NAME CLASS, classes from 0"

    k: tuple[int, ...] = (1, 5)
    """Ranks to report."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`top_k`."""
        return top_k(arrays(files, read_classes(files.labels)), self.k)
