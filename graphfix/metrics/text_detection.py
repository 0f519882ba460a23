"""Text detection: precision, recall and their harmonic mean, by the rules of ICDAR 2015."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphfix.datasets.icdar2015 import Outline, Region, files_of, read_outlines, read_regions
from graphfix.errors import ModelError
from graphfix.library import library
from graphfix.metrics.join import join
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.score import Figure, Score


def text_detection(
    samples: Iterable[Judged[Sequence[Outline], Sequence[Region]]], *, overlap: float = 0.5
) -> Score:
    """``hmean``, ``precision`` and ``recall`` over all images together.

    A detection of which more than half lies in one region that does not count does not count
    either. Of the others, the first in order whose intersection over union with a region exceeds
    ``overlap`` finds it, and each finds one at most. Outlines that cross themselves are left out.
    Karatzas et al., ICDAR 2015 Competition on Robust Reading, task 4.1, and the script on its web
    site. Precision is 0 without a detection, recall NaN without a region that counts.

    Raises:
        UsageError: there is no sample.
        ModelError: a corner of a detection is NaN.
    """
    count = matched = detected = there = crossed = 0
    for sample in some(samples):
        count += 1
        if not all(math.isfinite(c) for outline in sample.output for xy in outline for c in xy):
            raise ModelError(f"sample {sample.name}: a corner of a detection is NaN")
        found = [polygon for polygon in map(_polygon, sample.output) if polygon is not None]
        regions = [(_polygon(region.outline), region.counts) for region in sample.truth]
        crossed += len(sample.output) - len(found) + sum(p is None for p, _ in regions)
        wanted = [polygon for polygon, counts in regions if counts and polygon is not None]
        unwanted = [polygon for polygon, counts in regions if not counts and polygon is not None]
        found = [polygon for polygon in found if not _inside_one(polygon, unwanted)]
        matched += _matches(wanted, found, overlap)
        detected += len(found)
        there += len(wanted)
    precision = matched / detected if detected else 0.0
    recall = matched / there if there else float("nan")
    hmean = 2 * matched / (detected + there) if there else float("nan")
    figures = (Figure("hmean", hmean), Figure("precision", precision), Figure("recall", recall))
    notes = (f"{crossed} outlines without an area of their own are left out",) if crossed else ()
    return Score(figures, count, "images", notes)


def _polygon(outline: Outline) -> Any | None:
    polygon = library("shapely").Polygon(outline) if len(outline) > 2 else None
    return polygon if polygon is not None and polygon.is_valid and polygon.area > 0 else None


def _inside_one(polygon: Any, others: Sequence[Any]) -> bool:
    return any(polygon.intersection(other).area / polygon.area > 0.5 for other in others)


def _matches(wanted: Sequence[Any], found: Sequence[Any], overlap: float) -> int:
    free = list(found)
    for region in wanted:
        for polygon in free:
            both = region.intersection(polygon).area
            if both / (region.area + polygon.area - both) > overlap:
                free.remove(polygon)
                break
    return len(found) - len(free)


@dataclass(frozen=True)
class TextDetection(Metric):
    """Precision, recall and hmean of text detection, by the rules of ICDAR 2015."""

    name = "hmean"
    outputs = "folder of res_NAME.txt (or NAME.txt) with lines X1,Y1,…,X4,Y4 in pixels"
    labels = "folder of gt_NAME.txt (or NAME.txt) with lines X1,Y1,…,X4,Y4,TEXT"
    libraries = ("shapely",)
    reads_arrays = False

    overlap: float = 0.5
    """What intersection over union must exceed."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`text_detection`."""
        pairs = join(files_of(files.outputs, "res_"), files_of(files.labels, "gt_"), files.labels)
        samples = (
            Judged(pair.name, read_outlines(pair.output), read_regions(pair.truth))
            for pair in pairs
        )
        return text_detection(samples, overlap=self.overlap)
