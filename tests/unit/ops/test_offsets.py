"""Repacking offsets of exporters for DeformableConv2D."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import check, from_text
from graphfix.ops import call, pack_offsets
from graphfix.rewrite import PassContext, RewritePass, Rewriter
from graphfix.runners.onnxruntime import Session


@dataclass(frozen=True, kw_only=True)
class Pack(RewritePass):
    """Puts packed offsets in the place of ``test::Pack``."""

    name = "pack"
    match_ops: ClassVar[tuple[str, ...]] = ("Pack",)
    match_domains: ClassVar[tuple[str, ...]] = ("test",)
    positions: int = 4

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value:
        offset = node.inputs[0]
        assert offset is not None
        return pack_offsets(rw, offset, rw.input(node, 1), self.positions)


def _pack(shape: str, arrays: Sequence[Any], opset: int = 11, kind: str = "float") -> Any:
    mask = f", {kind}[{shape.replace('8', '4', 1)}] mask" if len(arrays) > 1 else ""
    names = "offset, mask" if mask else "offset"
    model = from_text(
        f"""
        <ir_version: 8, opset_import: ["" : {opset}, "test" : 1]>
        main ({kind}[{shape}] offset{mask}) => ({kind}[N,12,H,W] packed)
        {{
           packed = test.Pack ({names})
        }}
        """
    )
    Pack().run(model, PassContext())
    check(model)
    feeds = dict(zip(("offset", "mask"), arrays, strict=False))
    return Session(model).run(feeds)["packed"]


def _offset(n: int = 2) -> Any:
    """Channel ``2 p`` is the y of position ``p``, counted up in hundreds; x is 10 more."""
    positions = np.arange(4) * 100.0
    channels = np.stack([positions + 1, positions + 11], axis=1).reshape(1, 8, 1, 1)
    return (channels + np.arange(n).reshape(n, 1, 1, 1) * np.ones((1, 1, 2, 3))).astype(np.float32)


@pytest.mark.parametrize("opset", [11, 13, 22])
def test_all_x_come_first_then_all_y_then_the_masks(opset: int) -> None:
    mask = np.random.default_rng(0).random((2, 4, 2, 3), np.float32)
    packed = _pack("N,8,H,W", [_offset(), mask], opset)
    np.testing.assert_array_equal(packed[0, :8, 0, 0], [11, 111, 211, 311, 1, 101, 201, 301])
    np.testing.assert_array_equal(packed[1, :8, 1, 2], packed[0, :8, 0, 0] + 1)
    np.testing.assert_array_equal(packed[:, 8:], mask)


@pytest.mark.parametrize("shape", ["2,8,2,3", "N,8,H,W"])
@pytest.mark.parametrize(("kind", "dtype"), [("float", np.float32), ("float16", np.float16)])
def test_without_a_mask_there_are_ones(shape: str, kind: str, dtype: type) -> None:
    packed = _pack(shape, [_offset().astype(dtype)], kind=kind)
    assert packed.shape == (2, 12, 2, 3)
    np.testing.assert_array_equal(packed[:, 8:], np.ones((2, 4, 2, 3), dtype))


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(PassError) as caught:
        _pack("1,6,2,3", [np.zeros((1, 6, 2, 3), np.float32)])
    assert str(caught.value) == "the offset 'offset' has 6 channels, not 8"


@dataclass(frozen=True, kw_only=True)
class FromDeformConv(RewritePass):
    """ONNX's DeformConv becomes DeformableConv2D."""

    name = "from-deform-conv"
    match_ops: ClassVar[tuple[str, ...]] = ("DeformConv",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value]:
        x, weight, offset, bias = node.inputs[:4]
        assert offset is not None
        groups = rw.attr_int(node, "offset_group", 1)
        offsets = pack_offsets(rw, offset, rw.input(node, 4), groups * 6)
        attributes = {
            "strides": rw.attr_ints(node, "strides", (1, 1)),
            "pads": rw.attr_ints(node, "pads", (0, 0, 0, 0)),
            "groups": rw.attr_int(node, "group", 1),
            "deformable_groups": groups,
        }
        return call(rw, "DeformableConv2D", x, weight, offsets, bias, **attributes)


@pytest.mark.parametrize("opset", [19, 22])
@pytest.mark.parametrize("mask", ["", ", mask"], ids=["version 1", "version 2"])
@pytest.mark.parametrize("groups", [1, 2])
def test_packed_offsets_mean_the_same_as_those_of_deform_conv(
    opset: int, mask: str, groups: int
) -> None:
    model = from_text(
        f"""
        <ir_version: 8, opset_import: ["" : {opset}]>
        main (float[N,4,H,W] x, float[2,2,2,3] w, float[2] b, float[N,P,A,B] offset,
              float[N,Q,A,B] mask) => (float[N,2,A,B] y)
        {{
           y = DeformConv <group = 2, offset_group = {groups}, pads = [1, 0, 0, 2],
               strides = [2, 1]> (x, w, offset, b{mask})
        }}
        """
    )
    random = np.random.default_rng(0)
    shapes = {
        "x": (2, 4, 6, 5),
        "w": (2, 2, 2, 3),
        "b": (2,),
        "offset": (2, 12 * groups, 3, 5),
        "mask": (2, 6 * groups, 3, 5),
    }
    feeds = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    before = np.asarray(Session(model).run(feeds)["y"])
    FromDeformConv().run(model, PassContext())
    check(model)
    assert {node.op_type for node in model.graph} >= {"DeformableConv2D", "Concat"}
    np.testing.assert_allclose(np.asarray(Session(model).run(feeds)["y"]), before, 1e-4, 1e-5)
