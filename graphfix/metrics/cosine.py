"""Cosine similarity to the outputs of another run, such as one in onnxruntime."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays
from graphfix.metrics.outputs import find_outputs, read_output
from graphfix.metrics.score import Figure, Score


def cosine_similarity(samples: Iterable[Judged[Array, Array]]) -> Score:
    """``cosine``, the mean over the samples of ``x·y / (|x| |y|)``, and the lowest of them.

    Arrays of any shape and number type are compared as long vectors in float64. Two of zeros have a
    cosine of 1, zeros and something else one of 0. A NaN or an infinity makes it NaN, and the
    figures with it.

    Raises:
        UsageError: there is no sample, or two sizes differ.
    """
    found: list[tuple[float, str]] = []
    for sample in some(samples):
        if sample.output.size != sample.truth.size:
            raise UsageError(
                f"sample {sample.name}: {sample.output.size} numbers, but the reference has "
                f"{sample.truth.size}; check shape and dtype"
            )
        found.append((_cosine(sample.output, sample.truth), sample.name))
    values = [value for value, _ in found]
    lowest, name = min(found, key=lambda pair: (not math.isnan(pair[0]), pair[0]))
    figures = (Figure("cosine", math.fsum(values) / len(values)), Figure("lowest", lowest))
    return Score(figures, len(values), "samples", (f"the lowest is of sample {name}",))


def _cosine(left: Array, right: Array) -> float:
    x, y = (array.reshape(-1).astype(np.float64) for array in (left, right))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    # Divided by the largest number first, so that squares neither overflow nor vanish.
    tops = [float(np.abs(vector).max(initial=0.0)) for vector in (x, y)]
    if not all(tops):
        return float(tops[0] == tops[1])
    x, y = x / tops[0], y / tops[1]
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))


@dataclass(frozen=True)
class Cosine(Metric):
    """Cosine similarity to the outputs of another run, such as one in onnxruntime."""

    name = "cosine"
    outputs = "folder of arrays of any shape"
    labels = "folder of arrays of the same samples"

    def evaluate(self, files: Files) -> Score:
        """See :func:`cosine_similarity`."""
        others = find_outputs(files.labels, files.layout.index)
        samples = (
            Judged(item.name, item.output, read_output(item.truth, files.layout))
            for item in arrays(files, others)
        )
        return cosine_similarity(samples)
