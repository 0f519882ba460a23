"""The deform-conv pass: its reference against onnxruntime's DeformConv, every form against both."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from graphfix.contract import Replaces
from graphfix.dialect import raise_dialect
from graphfix.rewrite import PassContext, PassResult
from graphfix.runners.onnxruntime import Session
from graphfix.verify import Status, Verifier
from graphfix_passes._deform_conv_reference import Window, deform_conv
from graphfix_passes.deform_conv import DeformConv, Mode
from tests.passes.random_graphs import Grower, hold

Array = np.ndarray[Any, Any]

needs_kernel = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="onnxruntime 1.23, the last for Python 3.10, lacks DeformConv",
)
KERNEL = pytest.param(Mode.STANDARD, marks=needs_kernel)


@dataclass(frozen=True)
class Case:
    """Sizes and parameters of one convolution, and its inputs."""

    n: int = 2
    c: int = 4
    o: int = 6
    size: tuple[int, int] = (6, 7)
    kernel: tuple[int, int] = (3, 2)
    strides: tuple[int, int] = (2, 1)
    pads: tuple[int, int] = (1, 2)
    dilations: tuple[int, int] = (1, 2)
    groups: int = 2
    deformable_groups: int = 2
    mask: bool = True
    bias: bool = True
    spread: float = 2.0

    @property
    def out(self) -> tuple[int, int]:
        rows, columns = (
            (self.size[k] + 2 * self.pads[k] - self.dilations[k] * (self.kernel[k] - 1) - 1)
            // self.strides[k]
            + 1
            for k in (0, 1)
        )
        return rows, columns

    @property
    def positions(self) -> int:
        return self.deformable_groups * self.kernel[0] * self.kernel[1]

    def arrays(self, dtype: Any = np.float32, seed: int = 0) -> dict[str, Array]:
        random = np.random.default_rng(seed)
        shapes = {
            "x": (self.n, self.c, *self.size),
            "w": (self.o, self.c // self.groups, *self.kernel),
            "offset": (self.n, 2 * self.positions, *self.out),
            "mask": (self.n, self.positions, *self.out),
            "b": (self.o,),
        }
        found = {name: random.normal(size=shape) for name, shape in shapes.items()}
        found["offset"] *= self.spread
        for name in ("mask",) * (not self.mask) + ("b",) * (not self.bias):
            del found[name]
        return {name: array.astype(dtype) for name, array in found.items()}

    @property
    def window(self) -> Window:
        pads = (*self.pads, *self.pads)
        return Window(
            self.strides, pads, self.dilations, self.groups, self.deformable_groups, packed=False
        )


CASES = {
    "all": Case(),
    "no mask": Case(mask=False),
    "no bias": Case(bias=False),
    "neither": Case(mask=False, bias=False),
    "depthwise": Case(c=4, o=4, groups=4, deformable_groups=1),
    "more deformable groups": Case(c=8, groups=2, deformable_groups=4),
    "1 by 1": Case(kernel=(1, 1), groups=1, deformable_groups=1, pads=(0, 0)),
    "far out": Case(spread=1e6),
    "on cells": Case(spread=0.0),
}


def build(
    case: Case,
    op_type: str,
    domain: str,
    inputs: Sequence[str],
    attributes: dict[str, Any],
    *,
    opset: int = 19,
    dtype: int = onnx.TensorProto.FLOAT,
    arrays: dict[str, Array] | None = None,
    extra: Sequence[onnx.TensorProto] = (),
) -> ir.Model:
    """A model of one node over ``arrays``; the weight and the bias are initializers."""
    given = arrays or case.arrays()
    node = helper.make_node(op_type, inputs, ["y"], "conv", domain=domain, **attributes)
    typed = helper.tensor_dtype_to_np_dtype(dtype)
    constants = [
        onnx.numpy_helper.from_array(array.astype(typed), name)
        for name, array in given.items()
        if name in ("w", "b")
    ]
    fed = [name for name in given if name in inputs and name not in ("w", "b")]
    graph = helper.make_graph(
        [node],
        "main",
        [helper.make_tensor_value_info(name, dtype, given[name].shape) for name in fed],
        [helper.make_tensor_value_info("y", dtype, None)],
        [*constants, *extra],
    )
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    proto = helper.make_model(graph, opset_imports=imports, ir_version=9)
    return ir.serde.deserialize_model(proto)


def standard(case: Case, arrays: dict[str, Array] | None = None) -> ir.Model:
    """ONNX's DeformConv."""
    given = arrays or case.arrays()
    names = [name if name in given else "" for name in ("x", "w", "offset", "b", "mask")]
    attributes = {
        "strides": case.strides,
        "pads": (*case.pads, *case.pads),
        "dilations": case.dilations,
        "group": case.groups,
        "offset_group": case.deformable_groups,
    }
    return build(case, "DeformConv", "", names, attributes, arrays=given)


def defined(case: Case, arrays: dict[str, Array]) -> Array:
    """What the reference says."""
    x, w, offset, mask, b = (arrays.get(name) for name in ("x", "w", "offset", "mask", "b"))
    assert x is not None
    assert w is not None
    assert offset is not None
    return deform_conv(x, w, offset, mask, b, case.window)


def run(model: ir.Model, arrays: dict[str, Array]) -> Array:
    wanted = {value.name for value in model.graph.inputs}
    feeds = {name: array for name, array in arrays.items() if name in wanted}
    return np.asarray(Session(model, threads=1).run(feeds)["y"])


@needs_kernel
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_agrees_with_the_kernel_of_onnxruntime(case: Case) -> None:
    arrays = case.arrays()
    np.testing.assert_allclose(run(standard(case), arrays), defined(case, arrays), 1e-4, 1e-5)


@pytest.mark.parametrize("mode", [Mode.ASCEND, Mode.DECOMPOSE])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_deform_conv(case: Case, mode: Mode) -> None:
    arrays, model = case.arrays(), standard(case)
    result = DeformConv(mode=mode).run(model, PassContext())
    assert len(result.rewrites) == 1
    assert "DeformConv" not in {node.op_type for node in model.graph}
    np.testing.assert_allclose(run(model, arrays), defined(case, arrays), 1e-4, 1e-5)


# The forms that no runtime knows


@dataclass(frozen=True)
class Form:
    """How an exporter spells a convolution; ``inputs`` by the names of :meth:`Case.arrays`."""

    op_type: str
    domain: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    case: Case = Case()
    extra: tuple[onnx.TensorProto, ...] = ()


def _mmcv(case: Case, groups: str = "deform_groups") -> dict[str, Any]:
    return {
        "stride": case.strides,
        "padding": case.pads,
        "dilation": case.dilations,
        "groups": case.groups,
        groups: case.deformable_groups,
    }


def _packed(case: Case, groups: str = "deformable_groups") -> dict[str, Any]:
    return {
        "strides": case.strides,
        "pads": case.pads,
        "dilations": case.dilations,
        "groups": case.groups,
        groups: case.deformable_groups,
    }


def _arguments(case: Case, use_mask: bool) -> dict[str, int]:
    return {
        "stride_h": case.strides[0],
        "stride_w": case.strides[1],
        "pad_h": case.pads[0],
        "pad_w": case.pads[1],
        "dil_h": case.dilations[0],
        "dil_w": case.dilations[1],
        "n_weight_grps": case.groups,
        "n_offset_grps": case.deformable_groups,
        "use_mask": use_mask,
    }


def _scalars(case: Case, use_mask: bool) -> tuple[onnx.TensorProto, ...]:
    found = []
    for name, number in _arguments(case, use_mask).items():
        array = np.array(number, bool if name == "use_mask" else np.int64)
        found.append(onnx.numpy_helper.from_array(array, name))
    return tuple(found)


V1 = Case(mask=False, bias=False)
V2 = Case(bias=False)
SQUARE = Case(mask=False, bias=False, strides=(2, 2), pads=(1, 1), dilations=(1, 1))
TENSORS = ("x", "w", "offset", "mask", "b")
MODULATED, PACKED = "MMCVModulatedDeformConv2d", "DeformableConv2D"
FORMS = {
    "mmcv, version 1": Form("MMCVDeformConv2d", "mmcv", ("x", "offset", "w"), _mmcv(V1), V1),
    "numbers for both axes": Form(
        "MMCVDeformConv2d",
        "mmdeploy",
        ("x", "offset", "w"),
        {**_mmcv(SQUARE), "stride": 2, "padding": 1, "dilation": 1, "im2col_step": 32},
        SQUARE,
    ),
    "mmcv, version 2": Form(MODULATED, "mmcv", ("x", "offset", "mask", "w", "b"), _mmcv(Case())),
    "mmdeploy, no bias": Form(MODULATED, "mmdeploy", ("x", "offset", "mask", "w"), _mmcv(V2), V2),
    "no domain": Form(MODULATED, "", ("x", "offset", "mask", "w"), _mmcv(V2), V2),
    "the other name of its groups": Form(
        MODULATED, "", ("x", "offset", "mask", "w"), _mmcv(V2, "deformable_groups"), V2
    ),
    "torchvision": Form(
        "deform_conv2d",
        "torchvision",
        (*TENSORS, *_arguments(Case(), True)),
        extra=_scalars(Case(), True),
    ),
    "torchvision, mask not used": Form(
        "deform_conv2d",
        "torchvision",
        (*TENSORS, *_arguments(Case(), False)),
        case=Case(mask=False),
        extra=_scalars(Case(), False),
    ),
    "torchvision, attributes": Form(
        "deform_conv2d", "torchvision", TENSORS, _arguments(Case(), True)
    ),
    "for ATC": Form(PACKED, "", ("x", "w", "packed", "b"), _packed(Case())),
    "for ATC, misspelt": Form(
        PACKED, "", ("x", "w", "packed"), _packed(V2, "defomable_groups"), V2
    ),
}


def _foreign(form: Form, opset: int = 11) -> tuple[ir.Model, dict[str, Array]]:
    """The model, and its inputs under all their names."""
    arrays = form.case.arrays()
    offset = arrays["offset"]
    mask = arrays.get("mask", np.ones((offset.shape[0], form.case.positions, *form.case.out)))
    every = {**arrays, "mask": mask.astype(np.float32)}
    every["packed"] = np.concatenate([offset[:, 1::2], offset[:, 0::2], every["mask"]], axis=1)
    model = build(
        form.case,
        form.op_type,
        form.domain,
        form.inputs,
        form.attributes,
        opset=opset,
        arrays=every,
        extra=form.extra,
    )
    return model, every


@pytest.mark.parametrize("mode", [Mode.ASCEND, KERNEL, Mode.DECOMPOSE])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_what_onnx_means(form: Form, mode: Mode) -> None:
    model, arrays = _foreign(form)
    if "use_mask" in form.inputs and not form.case.mask:
        arrays["mask"] *= 9  # it must not matter
    wanted = defined(form.case, form.case.arrays())
    result = DeformConv(mode=mode).run(model, PassContext())
    assert len(result.rewrites) == 1
    np.testing.assert_allclose(run(model, arrays), wanted, 1e-4, 1e-5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_verified_by_the_reference(form: Form) -> None:
    assert _verdict(form, DeformConv()).status is Status.PASSED


class Wrong(DeformConv):
    """Takes the x of an offset for its y."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        result = super().run(model, context)
        for value in model.graph.initializers.values():
            if value.const_value is not None and value.const_value.dtype == ir.DataType.INT64:
                order = value.const_value.numpy()
                if order.size > 12:
                    value.const_value = ir.tensor(np.roll(order, order.size // 2))
        return result


def test_offsets_in_the_wrong_order_are_noticed() -> None:
    found = _verdict(FORMS["mmcv, version 2"], Wrong())
    assert found.status is Status.FAILED
    assert "output 'y'" in found.reason


def _verdict(form: Form, item: DeformConv) -> Any:
    verifier = Verifier()
    verifier.start(_foreign(form)[0])
    model = _foreign(form)[0]
    result = item.run(model, PassContext())
    assert isinstance(result.contract, Replaces)
    return verifier.check(result, before=lambda: _foreign(form)[0])


def test_offsets_larger_than_the_output_are_read_as_the_kernels_of_mmcv_do() -> None:
    case = replace(V2, strides=(2, 2))
    arrays = case.arrays()
    rows, columns = case.out
    larger = {**arrays}
    for name in ("offset", "mask"):
        memory = np.full((case.n, arrays[name].shape[1], rows + 2, columns + 3), 7, np.float32)
        flat = memory.reshape(case.n, -1)
        flat[:, : arrays[name][0].size] = arrays[name].reshape(case.n, -1)
        larger[name] = memory
    names = ("x", "offset", "mask", "w")
    model = build(case, MODULATED, "mmcv", names, _mmcv(case), opset=11, arrays=larger)
    wanted = defined(case, arrays)
    np.testing.assert_array_equal(defined(case, larger), wanted)
    (done,) = DeformConv().run(model, PassContext()).rewrites
    assert done.note == (
        "of its offsets and masks the first numbers of each image are taken, as mmcv does"
    )
    np.testing.assert_allclose(run(model, larger), wanted, 1e-4, 1e-5)


def test_pads_that_differ_on_two_sides_of_an_operator_for_atc() -> None:
    pads = (0, 3, 2, 1)  # as many in all as those of the case
    model, arrays = _foreign(
        replace(FORMS["for ATC"], attributes={**_packed(Case()), "pads": pads})
    )
    x, w, offset, mask, b = (arrays[name] for name in ("x", "w", "offset", "mask", "b"))
    wanted = deform_conv(x, w, offset, mask, b, replace(Case().window, pads=pads))

    call = raise_dialect(model).model
    for before in (model, call):
        DeformConv().run(before, PassContext())
        assert [node.op_type for node in before.graph][-2:] == ["Pad", "DeformableConv2D"]
        assert len(before.graph[-1].attributes["pads"].as_ints()) == 2
        np.testing.assert_allclose(run(before, arrays), wanted, 1e-4, 1e-5)


@pytest.mark.parametrize("mode", [Mode.ASCEND, Mode.DECOMPOSE])
def test_infinite_offsets_are_outside(mode: Mode) -> None:
    case = Case(bias=False)
    arrays, model = case.arrays(), standard(case)
    arrays["offset"][:] = np.inf
    arrays["offset"][0] = -np.inf
    DeformConv(mode=mode).run(model, PassContext())
    assert not run(model, arrays).any()


def test_offsets_that_are_no_number_stay_within_the_picture() -> None:
    case = Case()
    arrays, model = case.arrays(), standard(case)
    arrays["offset"][:, ::3] = np.nan
    DeformConv(mode=Mode.DECOMPOSE).run(model, PassContext())
    assert run(model, arrays).shape == (case.n, case.o, *case.out)


def convolutions(grow: Grower) -> Sequence[ir.Value]:
    """DeformConv of random sizes; offsets may be computed, and everything may be symbolic."""
    groups, deformable = grow.number(1, 2), grow.number(1, 2)
    n, c, o = grow.number(1, 2), 2 * grow.number(1, 2), 2 * grow.number(1, 2)
    kernel = [grow.number(1, 3), grow.number(1, 2)]
    strides, dilations = [grow.number(1, 2), 1], [1, grow.number(1, 2)]
    pads = [grow.number(0, 2) for _ in range(4)]
    size = [grow.number(3, 5), grow.number(3, 5)]
    out = [
        (size[k] + pads[k] + pads[k + 2] - dilations[k] * (kernel[k] - 1) - 1) // strides[k] + 1
        for k in (0, 1)
    ]
    positions = deformable * kernel[0] * kernel[1]
    x = grow.unary(grow.input((n, c, *size)))
    offset = grow.unary(grow.input((n, 2 * positions, *out)))
    numbers = np.random.default_rng(grow.number(0, 9)).normal(size=(o, c // groups, *kernel))
    weight = grow.maybe_shared(grow.const(numbers))
    optional: list[ir.Value | None] = []
    if grow.chance(70):
        optional = [grow.const(np.arange(float(o))) if grow.chance(50) else None]
        optional.append(grow.maybe_shared(grow.input((n, positions, *out))))
    return [
        grow.op(
            "DeformConv",
            x,
            weight,
            offset,
            *optional,
            strides=strides,
            dilations=dilations,
            pads=pads,
            group=groups,
            offset_group=deformable,
        )
    ]


@needs_kernel
@pytest.mark.parametrize(("mode", "examples"), [(Mode.ASCEND, 12), (Mode.DECOMPOSE, 50)])
def test_whatever_is_convolved(mode: Mode, examples: int) -> None:
    hold(DeformConv(mode=mode), convolutions, opsets=(19, 21), examples=examples, least=0.5)
