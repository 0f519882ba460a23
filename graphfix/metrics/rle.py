"""Run-length encoded masks of COCO, checked before pycocotools runs into an endless loop."""

import numpy as np

_MOST_DIGITS = 6
"""Of five bits each; no image has runs of 2^30 pixels."""


def fits(counts: object, pixels: int) -> bool:
    """Whether the runs of a mask are whole, and cover ``pixels`` exactly.

    ``counts`` is a list of runs, or text in the code of ``rleToString`` in pycocotools' maskApi.c:
    numbers of five bits per character from ``0`` on, the lowest first, a sixth bit for "more
    follows"; from the fourth on a run is the difference to the last but one.
    """
    if isinstance(counts, list):
        return all(type(run) is int and run >= 0 for run in counts) and sum(counts) == pixels
    if isinstance(counts, str):
        counts = counts.encode(errors="replace")
    if not isinstance(counts, bytes) or not counts:
        return False
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - ord("0")
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        return False
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    digits = ends - starts + 1
    if digits.max() > _MOST_DIGITS:
        return False
    places = np.arange(codes.size) - np.repeat(starts, digits)
    runs = np.add.reduceat((codes & 31) << (5 * places), starts)
    runs -= np.where(codes[ends] & 16, 1 << (5 * digits), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return bool(runs.min() >= 0 and runs.sum() == pixels)
