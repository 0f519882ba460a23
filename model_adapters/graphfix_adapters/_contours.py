"""Outlines of what is set in a mask: the points that decide about the shape around each."""

from collections.abc import Sequence

import numpy as np

from graphfix.contract import Array


def contours(mask: Array, most: int) -> Sequence[Array]:
    """The outlines of the regions of a bool ``mask`` ``[H, W]``, and of their holes.

    Each is int64 ``[points, 2]``, ``x, y``, with the convex hull of what ``cv2.findContours`` finds
    with ``RETR_LIST``. Regions are connected through corners, too, holes through sides only; the
    outline of a hole goes through the pixels around it. They come in OpenCV's order, those that a
    scan of the rows meets last first, and ``most`` of them at most.
    """
    padded = np.pad(mask, 1)
    width = padded.shape[1]
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = changes[::2], changes[1::2]
    regions = _group(starts, ends, width, corners=True)
    edges = np.concatenate([starts, ends - 1])
    found = _outlines(edges, np.concatenate([regions, regions]), starts[_firsts(regions)])

    # What lies between two runs; before the first and behind the last is the outside. A gap may
    # go on in the next row, but only along the border, which is outside, too.
    starts, ends = np.append(0, ends), np.append(starts, flat.size)
    gaps = _group(starts, ends, width, corners=False)
    inner = gaps != gaps[0]
    starts, ends, gaps = starts[inner], ends[inner], gaps[inner]
    around = [starts - 1, ends]
    around += [edge + way for edge in (starts, ends - 1) for way in (-width, width)]
    found += _outlines(np.concatenate(around), np.tile(gaps, 6), starts[_firsts(gaps)] - 1)

    found.sort(key=lambda outline: -outline[0])
    return [
        np.stack([places % width - 1, places // width - 1], axis=1) for _, places in found[:most]
    ]


def _group(starts: Array, ends: Array, width: int, corners: bool) -> Array:
    """A number for each run, the same for runs of one region.

    Runs hold the places from ``starts`` up to ``ends`` in the flat picture, in order.
    """
    low = np.searchsorted(ends, starts + width, "left" if corners else "right")
    high = np.searchsorted(starts, ends + width, "right" if corners else "left")
    counts = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    lower = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[upper]
    group = np.arange(len(starts))
    while True:
        least = np.minimum(group[upper], group[lower])
        if (group[upper] == group[lower]).all():
            return group
        np.minimum.at(group, group[upper], least)
        np.minimum.at(group, group[lower], least)
        while (group[group] != group).any():
            group = group[group]


def _firsts(groups: Array) -> Array:
    """Where each group comes first, in the order of the groups."""
    return np.unique(groups, return_index=True)[1]


def _outlines(places: Array, groups: Array, keys: Array) -> list[tuple[int, Array]]:
    """The places of each group with its key."""
    if not len(keys):
        return []
    order = np.argsort(groups, kind="stable")
    cuts = np.flatnonzero(np.diff(groups[order])) + 1
    return list(zip(keys.tolist(), np.split(places[order], cuts), strict=True))
