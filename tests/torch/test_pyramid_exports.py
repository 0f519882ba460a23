# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-untyped-call"
"""What torch writes for detectors that read each region from its level of a feature pyramid."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from graphfix.model import from_bytes
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session

SCALES = (1 / 4, 1 / 8, 1 / 16)


class RoiAlign(torch.autograd.Function):
    """Stands for the operator of a detector's library, which exports itself like this."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, regions: torch.Tensor, scale: float) -> torch.Tensor:
        return x.new_zeros(regions.shape[0], x.shape[1], 7, 7)

    @staticmethod
    def symbolic(g: Any, x: Any, regions: Any, scale: float) -> Any:
        def number(value: int) -> Any:
            return g.op("Constant", value_t=torch.tensor([value]))

        image = g.op("Slice", regions, number(0), number(1), number(1))
        image = g.op("Cast", g.op("Squeeze", image, number(1)), to_i=7)
        corners = g.op("Slice", regions, number(1), number(5), number(1))
        return g.op(
            "RoiAlign", x, corners, image, output_height_i=7, output_width_i=7, sampling_ratio_i=2,
            spatial_scale_f=scale, coordinate_transformation_mode_s="half_pixel",
        )  # fmt: skip


class Extractor(nn.Module):
    """Looks for the regions of a level, or reads all of them and multiplies by 0."""

    def __init__(self, *, masks: bool) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, a: Any, b: Any, c: Any, regions: torch.Tensor) -> torch.Tensor:
        area = (regions[:, 3] - regions[:, 1]) * (regions[:, 4] - regions[:, 2])
        level = torch.floor(torch.log2(torch.sqrt(area) / 16 + 1e-6)).clamp(0, 2).long()
        found = a.new_zeros(regions.size(0), a.size(1), 7, 7)
        for number, (x, scale) in enumerate(zip((a, b, c), SCALES, strict=True)):
            own = level == number
            if self.masks:
                flag = own.float().unsqueeze(-1)
                wide = flag.expand(flag.size(0), found.size(1) * 49).reshape(found.shape)
                found = found + RoiAlign.apply(x, regions * flag, scale) * wide
            else:
                rows = own.nonzero().squeeze(1)
                found[rows] = RoiAlign.apply(x, regions[rows], scale)
        return found


@pytest.mark.parametrize("masks", [False, True])
def test_a_pyramid_becomes_one_operator(masks: bool) -> None:
    rng = np.random.default_rng(0)
    feeds = {
        name: rng.normal(size=(2, 3, size, size)).astype(np.float32)
        for name, size in (("a", 16), ("b", 8), ("c", 4))
    }
    start = rng.uniform(0, 20, (12, 2))
    end = start + np.exp(rng.uniform(0, 4.5, (12, 2)))
    feeds["r"] = np.hstack([rng.integers(0, 2, (12, 1)), start, end]).astype(np.float32)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Extractor(masks=masks), tuple(map(torch.from_numpy, feeds.values())), file,
            opset_version=16, dynamo=False, input_names=list(feeds), output_names=["y"],
            dynamic_axes={"r": {0: "k"}},
        )  # fmt: skip
    model = from_bytes(file.getvalue())
    wanted = np.asarray(Session(model).run(feeds)["y"])
    assert wanted.any(axis=(1, 2, 3)).all()
    pipeline = "if-fold,constants,fold-shapes,no-op,cse,prune,roi-extractor"
    for item in parse(pipeline, load_registry()).passes:
        model = item.run(model, PassContext()).model
    assert [node.op_type for node in model.graph] == ["RoiExtractor"]
    found = np.asarray(Session(model).run(feeds)["y"])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
