"""The custom operators as plain loops, straight from their definitions."""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
F = np.float32


def bilinear(image: Array, y: float, x: float) -> float:
    """The value between four cells, of which those outside the image are zero."""
    height, width = image.shape
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                total += share * float(image[row, column])
    return total


def deformable_conv2d(
    x: Array,
    weight: Array,
    offsets: Array,
    bias: Array | None = None,
    *,
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int] = (1, 1),
    groups: int = 1,
    deformable_groups: int = 1,
) -> Array:
    """``pads`` are top, left, bottom, right; ``offsets`` all x, all y, all masks."""
    n, c, height, width = x.shape
    o, per_group, kh, kw = weight.shape
    out_h = (height + pads[0] + pads[2] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    out_w = (width + pads[1] + pads[3] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    parts = offsets.reshape(n, 3, deformable_groups, kh, kw, out_h, out_w).astype(np.float64)
    y = np.zeros((n, o, out_h, out_w))
    for image, out, row, column in product(range(n), range(o), range(out_h), range(out_w)):
        total = 0.0 if bias is None else float(bias[out])
        first = out // (o // groups) * per_group
        for inner, i, j in product(range(per_group), range(kh), range(kw)):
            channel = first + inner
            dx, dy, mask = parts[image, :, channel // (c // deformable_groups), i, j, row, column]
            value = bilinear(
                x[image, channel],
                row * strides[0] - pads[0] + i * dilations[0] + dy,
                column * strides[1] - pads[1] + j * dilations[1] + dx,
            )
            total += value * mask * float(weight[out, inner, i, j])
        y[image, out, row, column] = total
    return y


def overlap(a: Array, b: Array) -> Any:
    """Intersection over union of two boxes, in float32."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    sides = np.maximum(high - low, F(0))
    common = sides[0] * sides[1]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (areas[0] + areas[1] - common)


def batch_multi_class_nms(
    boxes: Array,
    scores: Array,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_size_per_class: int,
    max_total_size: int,
) -> tuple[Array, Array, Array, Array]:
    """Greedy per class, then the best of all; zeros where there are fewer."""
    batch, count, classes = scores.shape
    dtype = scores.dtype
    boxes, scores = boxes.astype(F), scores.astype(F)
    found_boxes = np.zeros((batch, max_total_size, 4), dtype)
    found_scores = np.zeros((batch, max_total_size), dtype)
    found_classes = np.zeros((batch, max_total_size), dtype)
    found = np.zeros(batch, np.int32)
    for image in range(batch):
        kept: list[tuple[float, int, int]] = []
        for cls in range(classes):
            own = boxes[image, :, cls if boxes.shape[2] > 1 else 0]
            race = [
                k
                for k in range(count)
                if scores[image, k, cls] > F(score_threshold)
                and own[k, 2] > own[k, 0]
                and own[k, 3] > own[k, 1]
            ]
            race.sort(key=lambda k: (-scores[image, k, cls], k))
            winners: list[int] = []
            for k in race:
                if len(winners) == max_size_per_class:
                    break
                if all(overlap(own[k], own[w]) <= F(iou_threshold) for w in winners):
                    winners.append(k)
            kept += [(float(scores[image, k, cls]), cls, k) for k in winners]
        kept.sort(key=lambda item: (-item[0], item[1], item[2]))
        found[image] = min(len(kept), max_total_size)
        for row, (score, cls, k) in enumerate(kept[:max_total_size]):
            found_scores[image, row], found_classes[image, row] = score, cls
            found_boxes[image, row] = boxes[image, k, cls if boxes.shape[2] > 1 else 0]
    return found_boxes, found_scores, found_classes, found


def sample(image: Array, y: float, x: float) -> float:
    """What RoIAlign reads: clamped to the image within one cell around it, else zero."""
    height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    return bilinear(image, min(max(y, 0), height - 1), min(max(x, 0), width - 1))


def roi_align(
    features: Array, roi: Array, scale: float, size: tuple[int, int], samples: int, aligned: bool
) -> Array:
    """One region ``[image, x1, y1, x2, y2]``: ``[C, height, width]``."""
    image = features[int(roi[0])]
    shift = F(0.5 if aligned else 0)
    x1, y1, x2, y2 = (corner * F(scale) - shift for corner in roi[1:])
    lengths = [y2 - y1, x2 - x1]
    if not aligned:
        lengths = [max(length, F(1)) for length in lengths]
    bins = [length / F(count) for length, count in zip(lengths, size, strict=True)]
    points = [samples or math.ceil(cell) for cell in bins]
    result = np.zeros((image.shape[0], *size))
    for channel, i, j in product(range(image.shape[0]), range(size[0]), range(size[1])):
        total = 0.0
        for a, b in product(range(points[0]), range(points[1])):
            y = y1 + F(i) * bins[0] + F(a + 0.5) * bins[0] / F(points[0])
            x = x1 + F(j) * bins[1] + F(b + 0.5) * bins[1] / F(points[1])
            total += sample(image[channel], float(y), float(x))
        result[channel, i, j] = total / max(points[0] * points[1], 1)
    return result


def roi_extractor(
    features: Sequence[Array],
    rois: Array,
    *,
    spatial_scale: Sequence[float],
    finest_scale: int = 56,
    roi_scale_factor: float = 0,
    pooled_height: int = 7,
    pooled_width: int = 7,
    sample_num: int = 0,
    aligned: int = 1,
) -> Array:
    """Each region from the level that fits its size."""
    rows = []
    for roi in rois.astype(F):
        x1, y1, x2, y2 = roi[1:]
        relative = np.sqrt((x2 - x1) * (y2 - y1)) / F(finest_scale) + F(1e-6)
        level = min(max(math.floor(math.log2(relative)), 0), len(features) - 1)
        if roi_scale_factor and len(features) > 1:
            x, y = (x1 + x2) * F(0.5), (y1 + y2) * F(0.5)
            half_w = (x2 - x1) * F(roi_scale_factor) * F(0.5)
            half_h = (y2 - y1) * F(roi_scale_factor) * F(0.5)
            roi = np.array([roi[0], x - half_w, y - half_h, x + half_w, y + half_h], F)
        size = (pooled_height, pooled_width)
        scale = spatial_scale[level]
        rows.append(roi_align(features[level], roi, scale, size, sample_num, bool(aligned)))
    shape = (len(rois), features[0].shape[1], pooled_height, pooled_width)
    return np.array(rows).reshape(shape)


def psroi_pooling(
    x: Array, rois: Array, *, output_dim: int, group_size: int, spatial_scale: float
) -> Array:
    """Means over whole cells, each bin from a channel of its own."""
    height, width = x.shape[2:]
    regions = rois.transpose(0, 2, 1).reshape(-1, 5).astype(F)
    y = np.zeros((len(regions), output_dim, group_size, group_size))
    for k, region in enumerate(regions):
        image, x1, y1, x2, y2 = (F(round(float(item))) for item in region)
        scale, one = F(spatial_scale), F(1)
        left, top = x1 * scale, y1 * scale
        cell_w = max((x2 + one) * scale - left, F(0.1)) / F(group_size)
        cell_h = max((y2 + one) * scale - top, F(0.1)) / F(group_size)
        for d, i, j in product(range(output_dim), range(group_size), range(group_size)):
            rows = bounds(i, cell_h, top, height)
            columns = bounds(j, cell_w, left, width)
            channel = (d * group_size + i) * group_size + j
            cells = x[int(image), channel, slice(*rows), slice(*columns)]
            if cells.size:
                y[k, d, i, j] = cells.astype(np.float64).mean()
    return y


def bounds(k: int, length: Any, begin: Any, limit: int) -> tuple[int, int]:
    """First cell of bin ``k`` and the one after its last, on the map."""
    first = math.floor(F(k) * length + begin)
    last = math.ceil(F(k + 1) * length + begin)
    return min(max(first, 0), limit), min(max(last, 0), limit)
