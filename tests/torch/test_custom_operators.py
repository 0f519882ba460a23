# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, type-var, untyped-decorator"
"""The custom operators against torch: grid_sample, torchvision's RoIAlign and boxes."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from onnxscript import opset15, script
from onnxscript.values import Opset

from graphfix.ops import FunctionOperator
from tests.unit.ops.one_call import run

_COMPILED = """
nms qnms roi_align qroi_align _roi_align_backward ps_roi_align _ps_roi_align_backward roi_pool
_roi_pool_backward ps_roi_pool _ps_roi_pool_backward deform_conv2d _deform_conv2d_backward
"""


def _torchvision() -> Any:
    """torchvision; where its compiled half does not load beside this torch, without that half."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        _torchvision.kept = library  # type: ignore[attr-defined]  # it ends with the object
        for name in _COMPILED.split():
            library.define(f"{name}(Tensor x) -> Tensor")
        import torchvision
    return torchvision


torchvision = _torchvision()
from torchvision.ops import box_iou  # noqa: E402
from torchvision.ops.roi_align import _roi_align  # noqa: E402


def _tensors(*arrays: Any) -> list[torch.Tensor]:
    return [torch.from_numpy(np.asarray(array)).double() for array in arrays]


def _deformable(
    inputs: list[Any], strides: Any, pads: Any, dilations: Any, groups: int, deform: int
) -> torch.Tensor:
    """One ``grid_sample`` per group and kernel position, then a product with the weights."""
    x, weight, offsets, bias = _tensors(*inputs)
    n, c, height, width = x.shape
    o, per_group, kh, kw = weight.shape
    out_h, out_w = offsets.shape[2:]
    parts = offsets.reshape(n, 3, deform, kh * kw, out_h, out_w)
    columns = []
    for group, channels in enumerate(x.split(c // deform, dim=1)):
        for k in range(kh * kw):
            rows = torch.arange(out_h) * strides[0] - pads[0] + k // kw * dilations[0]
            cols = torch.arange(out_w) * strides[1] - pads[1] + k % kw * dilations[1]
            px = parts[:, 0, group, k] + cols
            py = parts[:, 1, group, k] + rows[:, None]
            grid = torch.stack([px / (width - 1), py / (height - 1)], dim=-1) * 2 - 1
            found = F.grid_sample(channels, grid, padding_mode="zeros", align_corners=True)
            columns.append(found * parts[:, 2, group, k, None])
    stacked = torch.stack(columns, dim=2).reshape(n, c // deform, deform, kh * kw, out_h, out_w)
    by_channel = stacked.transpose(1, 2).reshape(n, groups, c // groups, kh * kw, out_h, out_w)
    flat = weight.reshape(groups, o // groups, per_group, kh * kw)
    y = torch.einsum("ngckhw,gock->ngohw", by_channel, flat)
    return y.reshape(n, o, out_h, out_w) + bias[:, None, None]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [0.3, 2.0, 20.0])
@pytest.mark.parametrize(("groups", "deform"), [(1, 1), (2, 1), (1, 2), (2, 4), (4, 2)])
def test_deformable_convolution(groups: int, deform: int, spread: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    strides, dilations = random.integers(1, 3, 2), random.integers(1, 3, 2)
    kernel, pads, size = random.integers(1, 4, 2), random.integers(0, 3, 4), (9, 11)
    reach = [(kernel[k] - 1) * dilations[k] + 1 for k in range(2)]
    out = [(size[k] + pads[k] + pads[k + 2] - reach[k]) // strides[k] + 1 for k in range(2)]
    positions = deform * kernel.prod()
    moves = random.normal(size=(2, 2 * positions, *out)) * spread
    masks = random.uniform(0, 1, (2, positions, *out))
    inputs = [
        random.normal(size=(2, 8, *size)),
        random.normal(size=(4, 8 // groups, *kernel)),
        np.concatenate([moves, masks], axis=1),
        random.normal(size=4),
    ]
    inputs = [array.astype(np.float32) for array in inputs]
    attributes = {
        "strides": strides.tolist(),
        "pads": pads.tolist(),
        "dilations": dilations.tolist(),
        "groups": groups,
        "deformable_groups": deform,
    }
    (y,) = run("DeformableConv2D", inputs, attributes)
    wanted = _deformable(inputs, strides, pads, dilations, groups, deform)
    np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-4, atol=3e-5)


def _align(*arguments: Any) -> torch.Tensor:
    """torchvision's RoIAlign in Python, not compiled; it is right within the map only."""
    found: torch.Tensor = inspect.unwrap(_roi_align)(*arguments)
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("samples", [0, 2, 3])
@pytest.mark.parametrize("aligned", [0, 1])
def test_extraction_of_regions(aligned: int, samples: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scales = [0.25, 0.125, 0.0625, 0.03125]
    height, width, count = 320, 384, 32
    features = [random.normal(size=(2, 2, int(height * s), int(width * s))) for s in scales]
    room = np.array([width - 48, height - 48])
    shape = np.exp(random.uniform(0, 6.2, (count, 1)) + random.normal(size=(count, 2)) * 0.3)
    size = np.minimum(shape, room)
    corner = 16 + random.uniform(0, 1, (count, 2)) * (room - size)
    rois = np.hstack([random.integers(0, 2, (count, 1)), corner, corner + size])
    inputs = [array.astype(np.float32) for array in (*features, rois)]
    attributes = {
        "sample_num": samples,
        "aligned": aligned,
        "finest_scale": 28,
        "pooled_width": 5,
    }
    (y,) = run("RoiExtractor", inputs, attributes)

    *levels, regions = (torch.from_numpy(array) for array in inputs)
    area = (regions[:, 3] - regions[:, 1]) * (regions[:, 4] - regions[:, 2])
    level = torch.floor(torch.log2(torch.sqrt(area) / 28 + 1e-6)).clamp(0, 3).long()
    wanted = torch.zeros(count, 2, 7, 5)
    for k, maps in enumerate(levels):
        rows = level == k
        wanted[rows] = _align(maps, regions[rows], scales[k], 7, 5, samples, bool(aligned))
    np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-3, atol=2e-5)
    assert len(level.unique()) > 2


def _suppressed(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """Greedy suppression over a table of all overlaps."""
    order = torch.argsort(scores, descending=True, stable=True).tolist()
    overlaps = box_iou(boxes, boxes)
    kept: list[int] = []
    for k in order:
        if all(overlaps[k, other] <= threshold for other in kept):
            kept.append(k)
    return kept


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("coarse", [False, True], ids=["all different", "ties"])
def test_suppression_of_boxes(coarse: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 60, (2, 120, 8, 2))
    size = random.uniform(1, 30, corner.shape)
    scores = random.uniform(0, 1, (2, 120, 8))
    if coarse:
        corner, size, scores = np.round(corner / 4) * 4, np.ceil(size / 4) * 4, scores.round(1)
    boxes = np.concatenate([corner, corner + size], axis=-1).astype(np.float32)
    scores = scores.astype(np.float32)
    attributes = {
        "score_threshold": 0.2,
        "iou_threshold": 0.4,
        "max_size_per_class": 20,
        "max_total_size": 100,
    }
    got_boxes, got_scores, got_classes, got = run("BatchMultiClassNMS", [boxes, scores], attributes)

    for image in range(2):
        rows = []
        for cls in range(8):
            own = torch.from_numpy(boxes[image, :, cls])
            score = torch.from_numpy(scores[image, :, cls])
            inside = torch.nonzero(score > 0.2).flatten()
            winners = _suppressed(own[inside], score[inside], 0.4)[:20]
            rows += [(score[k].item(), cls, own[k].tolist()) for k in inside[winners]]
        rows.sort(key=lambda row: -row[0])
        rows = rows[:100]
        assert got[image] == len(rows) == 100
        np.testing.assert_array_equal(got_scores[image], np.array([r[0] for r in rows], np.float32))
        np.testing.assert_array_equal(got_classes[image], [r[1] for r in rows])
        np.testing.assert_array_equal(got_boxes[image], np.array([r[2] for r in rows], np.float32))


@pytest.mark.parametrize("seed", range(6))
def test_position_sensitive_pooling(seed: int) -> None:
    random = np.random.default_rng(seed)
    group, dim, scale = 4, 3, 0.125
    x = random.normal(size=(2, dim * group * group, 14, 17)).astype(np.float32)
    image = random.integers(0, 2, (1, 30))
    first = random.uniform(-10, 120, (2, 30))
    rois = np.vstack([image, first, first + random.uniform(-5, 90, first.shape)])
    (y,) = run(
        "PSROIPooling",
        [x, rois[None].astype(np.float32)],
        {"output_dim": dim, "group_size": group, "spatial_scale": scale},
    )

    whole = torch.from_numpy(rois.astype(np.float32)).round()
    begin, end = whole[1:3] * scale, (whole[3:5] + 1) * scale
    cell = (end - begin).clamp(min=0.1) / group
    k = torch.arange(group)[:, None, None]
    low, high = (k * cell + begin).floor(), ((k + 1) * cell + begin).ceil()
    columns, rows = torch.arange(17)[:, None, None], torch.arange(14)[:, None, None]
    in_width = ((columns >= low[:, None, :1]) & (columns < high[:, None, :1])).squeeze(2).double()
    in_height = ((rows >= low[:, None, 1:]) & (rows < high[:, None, 1:])).squeeze(2).double()
    maps = torch.from_numpy(x).double().reshape(2, dim, group, group, 14, 17)[whole[0].long()]
    total = torch.einsum("rdijhw,ihr,jwr->rdij", maps, in_height, in_width)
    area = torch.einsum("ihr,jwr->rij", in_height, in_width)[:, None]
    wanted = torch.where(area > 0, total / area.clamp(min=1), 0.0)
    np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-6, atol=1e-7)


@script(Opset("test.plugin", 1), default_opset=opset15)
def Swish(x, beta: float = 1.5):  # type: ignore[no-untyped-def]  # onnxscript reads annotations
    return x * opset15.Sigmoid(opset15.CastLike(beta, x) * x)


@pytest.mark.parametrize("beta", [None, 3.0])
def test_operator_written_in_onnxscript(beta: float | None) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    (y,) = run(FunctionOperator.from_onnxscript(Swish), [x], {"beta": beta} if beta else {})
    wanted = torch.from_numpy(x) * torch.sigmoid((beta or 1.5) * torch.from_numpy(x))
    np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-5)
