"""Text detection: precision, recall and their harmonic mean, by the rules of ICDAR 2015."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphfix.errors import ModelError, UsageError
from graphfix.metrics.labels import files_by_name, join, numbered_lines
from graphfix.metrics.library import library
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.sample import Sample, some
from graphfix.metrics.score import Figure, Score

Outline = tuple[tuple[float, float], ...]
"""The corners of a polygon, ``x, y`` in pixels, in order."""

UNREADABLE = "###"
"""The text of a region that need not be found."""


@dataclass(frozen=True)
class Region:
    """A word that is there; one that does not count need not be found, and may be."""

    outline: Outline
    counts: bool = True


def text_detection(
    samples: Iterable[Sample[Sequence[Outline], Sequence[Region]]], *, overlap: float = 0.5
) -> Score:
    """``hmean``, ``precision`` and ``recall`` over all images together.

    A detection of which more than half lies in one region that does not count does not count
    either. Of the others, the first in order whose intersection over union with a region exceeds
    ``overlap`` finds it, and each finds one at most. Outlines that cross themselves are left out.
    Karatzas et al., ICDAR 2015 Competition on Robust Reading, task 4.1, and the script
    of its web site. Precision is 0 without a detection, recall NaN without a region that counts.

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


def read_icdar_regions(path: Path) -> Sequence[Region]:
    """The regions in a file with lines ``x1,y1,x2,y2,x3,y3,x4,y4,TEXT``.

    Raises:
        UsageError: it cannot be read, or a line has another form.
    """
    return [Region(outline, text != UNREADABLE) for outline, text in _read_lines(path)]


def _read_lines(path: Path) -> Iterable[tuple[Outline, str]]:
    for where, line in numbered_lines(path):
        *corners, rest = [*line.split(",", 8), ""][:9]
        try:
            numbers = [float(part) for part in corners]
        except ValueError:
            numbers = []
        if len(numbers) != 8:
            raise UsageError(f"{where}: write x1,y1,x2,y2,x3,y3,x4,y4 and what belongs to it")
        yield tuple(zip(numbers[::2], numbers[1::2], strict=True)), rest.strip()


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
        pairs = join(_files(files.outputs, "res_"), _files(files.labels, "gt_"), files.labels)
        samples = (
            Sample(
                pair.name,
                [outline for outline, _ in _read_lines(pair.output)],
                read_icdar_regions(pair.truth),
            )
            for pair in pairs
        )
        return text_detection(samples, overlap=self.overlap)


def _files(folder: Path, prefix: str) -> Mapping[str, Path]:
    found = files_by_name(folder, (".txt",))
    return {name.removeprefix(prefix).removesuffix(".txt"): path for name, path in found.items()}
