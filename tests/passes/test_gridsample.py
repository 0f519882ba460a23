"""The decomposition against onnxruntime's own kernel, the reference against both."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import example, given, settings
from onnx import TensorProto, helper

from graphfix.contract import Close, Contract, Replaces
from graphfix.model import check, from_text, load
from graphfix.rewrite import PassContext, PassResult
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix_passes._gridsample_reference import grid_sample
from graphfix_passes._gridsample_sampling import Interpolation, Padding, Sampling
from graphfix_passes.gridsample import GridSample, Mode

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLINGS = [Sampling(*parts) for parts in itertools.product(Interpolation, Padding, (False, True))]
TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
}


@dataclass(frozen=True)
class Case:
    """One model and the points it samples."""

    sampling: Sampling
    batch: int
    channels: int
    sizes: tuple[int, ...]
    out: tuple[int, ...]
    dtype: str = "float32"
    symbolic: bool = False
    opset: int = 20
    spread: str = "inside"
    seed: int = 0

    @property
    def image_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels, *self.sizes)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.out, len(self.sizes))

    def model(self, *, domain: str = "", grid_dtype: str = "") -> ir.Model:
        rank = len(self.image_shape)
        if self.symbolic:
            image: list[Any] = ["n", "c", "d", "h", "w"][:rank]
            grid: list[Any] = [*["n", "p", "q", "r"][: rank - 1], rank - 2]
        else:
            image, grid = list(self.image_shape), list(self.grid_shape)
        node = helper.make_node("GridSample", ["x", "grid"], ["y"], domain=domain, name="sample")
        node.attribute.extend(
            helper.make_attribute(name, value)
            for name, value in self.sampling.attributes(self.opset).items()
        )
        type_ = TYPES[self.dtype]
        graph = helper.make_graph(
            [node],
            "main",
            [
                helper.make_tensor_value_info("x", type_, image),
                helper.make_tensor_value_info("grid", TYPES[grid_dtype or self.dtype], grid),
            ],
            [helper.make_tensor_value_info("y", type_, [*image[:2], *grid[1:-1]])],
        )
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        proto = helper.make_model(graph, opset_imports=imports, ir_version=8)
        return ir.serde.deserialize_model(proto)

    def feeds(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(self.seed)
        image = rng.normal(size=self.image_shape).astype(self.dtype)
        shape = self.grid_shape
        if self.spread == "border":
            # Exactly on pixels, between two of them, on the edges and half a pixel beyond.
            size = max(self.sizes)
            ticks = np.arange(-2 * size - 4, 2 * size + 5) / (2 * size)
            grid = rng.choice(np.concatenate([ticks, ticks * size / max(size - 1, 1)]), shape)
        else:
            scale = {"inside": 1.0, "outside": 4.0, "far": 1e3, "extreme": 1e6}[self.spread]
            grid = rng.uniform(-scale, scale, shape)
        return {"x": image, "grid": grid.astype(self.dtype)}


def decomposed(model: ir.Model) -> PassResult:
    result = GridSample(mode=Mode.DECOMPOSE).run(model, PassContext())
    assert not result.skips
    check(result.model)
    return result


def run(model: ir.Model, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
    (output,) = Session(model).run(feeds).values()
    assert isinstance(output, np.ndarray)
    return output


def assert_within(contract: Contract, after: np.ndarray, before: np.ndarray) -> None:
    """Hold ``after`` to the contract, with the size of the result's terms for the absolute part."""
    assert after.shape == before.shape
    assert after.dtype == before.dtype
    assert isinstance(contract, Close)
    rtol = contract.rtol or 64 * np.finfo(before.dtype).eps
    np.testing.assert_allclose(after, before, rtol=rtol, atol=rtol)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rank = draw(st.sampled_from((2, 2, 3)))
    sampling = draw(st.sampled_from(SAMPLINGS))
    dtype = draw(st.sampled_from(("float32", "float32", "float64")))
    oldest = 16 if dtype == "float32" and rank == 2 else 20
    return Case(
        sampling,
        batch=draw(st.integers(1, 3)),
        channels=draw(st.integers(1, 3)),
        sizes=tuple(draw(st.lists(st.integers(1, 8), min_size=rank, max_size=rank))),
        out=tuple(draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank))),
        dtype=dtype,
        symbolic=draw(st.booleans()),
        opset=draw(st.sampled_from([o for o in (16, 20, 22) if o >= oldest])),
        spread=draw(st.sampled_from(("inside", "border", "outside", "far", "extreme"))),
        seed=draw(st.integers(0, 2**16)),
    )


@settings(max_examples=160)
@given(cases())
@example(Case(SAMPLINGS[-1], 2, 1, (1, 1), (3, 3), spread="outside"))
def test_decomposition_computes_what_the_kernel_computes(case: Case) -> None:
    feeds = case.feeds()
    result = decomposed(case.model())
    after = run(result.model, feeds)
    if len(case.sizes) == 3 and case.sampling.interpolation is Interpolation.BICUBIC:
        before = grid_sample(feeds["x"], feeds["grid"], case.sampling)  # no kernel has this
    elif (
        case.sampling.align_corners
        and min(case.sizes) == 1
        and (case.sampling.padding is Padding.REFLECTION)
    ):
        before = grid_sample(feeds["x"], feeds["grid"], case.sampling)  # see below
    else:
        before = run(case.model(), feeds)
    if case.sampling.interpolation is Interpolation.NEAREST:
        np.testing.assert_array_equal(after, before)
    assert_within(result.contract, after, before)


@settings(max_examples=80)
@given(cases())
def test_reference_computes_what_the_kernel_computes(case: Case) -> None:
    if len(case.sizes) == 3 and case.sampling.interpolation is Interpolation.BICUBIC:
        return
    if case.sampling.align_corners and min(case.sizes) == 1:
        return  # the kernel divides by the width of the picture, 0, when it reflects
    feeds = case.feeds()
    expected = run(case.model(), feeds)
    reference = grid_sample(feeds["x"], feeds["grid"], case.sampling)
    np.testing.assert_allclose(reference, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_every_operator_means_the_same_at_opset_11(sampling: Sampling, symbolic: bool) -> None:
    """The emitted graph, relabelled to opset 11, is valid there and computes the same bits."""
    for sizes, out in (((5, 6), (3, 4)), ((3, 4, 5), (2, 3, 2))):
        case = Case(sampling, 2, 3, sizes, out, symbolic=symbolic, spread="outside")
        proto = ir.serde.serialize_model(decomposed(case.model()).model)
        for node in proto.graph.node:
            onnx.defs.get_schema(node.op_type, 11)
            if node.op_type == "ReduceSum":  # the one whose spelling changed, at opset 13
                axes = next(t for t in proto.graph.initializer if t.name == node.input[1])
                values = onnx.numpy_helper.to_array(axes).tolist()
                node.attribute.append(helper.make_attribute("axes", values))
                del node.input[1]
        del proto.opset_import[:]
        proto.opset_import.append(helper.make_opsetid("", 11))
        old = ir.serde.deserialize_model(proto)
        check(old)
        feeds = case.feeds()
        np.testing.assert_array_equal(run(old, feeds), run(decomposed(case.model()).model, feeds))


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_dialect_model_of_opset_11_is_decomposed_in_its_own_opset(sampling: Sampling) -> None:
    case = Case(sampling, 1, 3, (5, 6), (3, 4), opset=16, spread="outside")
    dialect = case.model()
    dialect.opset_imports[""] = 11
    with pytest.raises(NotRunnable):
        Session(dialect)
    result = decomposed(dialect)
    assert result.model.opset_imports[""] == 11
    after = run(result.model, case.feeds())
    assert_within(result.contract, after, run(case.model(), case.feeds()))


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_half_precision_is_calculated_in_float32(sampling: Sampling) -> None:
    case = Case(sampling, 2, 3, (40, 50), (8, 8), dtype="float16", opset=16, spread="outside")
    result = decomposed(case.model())
    before = run(case.model(), case.feeds())
    # Both round the float32 result once; they differ where that falls on the other side.
    np.testing.assert_allclose(run(result.model, case.feeds()), before, rtol=2**-10, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "grid"), [("float32", "float16"), ("float16", "float32"), ("float32", "float64")]
)
def test_grid_may_have_another_type_than_the_image(image: str, grid: str) -> None:
    for sampling in SAMPLINGS:
        case = Case(sampling, 2, 2, (7, 9), (4, 4), dtype=image, spread="outside")
        feeds = case.feeds()
        feeds["grid"] = feeds["grid"].astype(grid)
        result = decomposed(case.model(grid_dtype=grid))
        expected = grid_sample(feeds["x"], feeds["grid"], sampling)
        after = run(result.model, feeds)
        assert after.dtype == np.dtype(image)
        eps = np.finfo(image).eps
        np.testing.assert_allclose(after, expected, rtol=8 * eps, atol=32 * 1.2e-7)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
def test_operator_of_com_microsoft_is_decomposed(interpolation: str) -> None:
    sampling = Sampling(Interpolation(interpolation), Padding.BORDER, True)
    case = Case(sampling, 2, 3, (5, 6), (3, 4), opset=16, spread="outside")
    before = case.model(domain="com.microsoft")
    result = decomposed(case.model(domain="com.microsoft"))
    assert "GridSample" not in {node.op_type for node in result.model.graph}
    assert_within(result.contract, run(result.model, case.feeds()), run(before, case.feeds()))


@pytest.mark.parametrize("symbolic", [False, True])
def test_index_beyond_the_integers_of_float32(symbolic: bool) -> None:
    """2**24 pixels and more: an index kept in float32 would be rounded to its neighbour."""
    sampling = Sampling(Interpolation.NEAREST, Padding.ZEROS, True)
    case = Case(sampling, 1, 1, (4100, 4101), (1, 8), symbolic=symbolic)
    image = (np.arange(4100 * 4101) % 997).astype(np.float32).reshape(case.image_shape)
    columns = np.arange(4093, 4101)
    grid = np.ones(case.grid_shape, np.float32)
    grid[0, 0, :, 0] = columns / 4100 * 2 - 1
    after = run(decomposed(case.model()).model, {"x": image, "grid": grid})
    np.testing.assert_array_equal(after.reshape(-1), image[0, 0, -1, columns])


def test_index_is_int64_only_where_the_table_of_pixels_needs_it() -> None:
    sampling = Sampling(Interpolation.NEAREST, Padding.BORDER, True)
    for size, expected in ((40_000, ir.DataType.INT32), (50_000, ir.DataType.INT64)):
        case = Case(sampling, 1, 1, (size, size), (1, 1))
        (to,) = {
            node.attributes["to"].as_int()
            for node in decomposed(case.model()).model.graph
            if node.op_type == "Cast"
        }
        assert to == expected


def test_too_many_pixels_on_one_axis_are_refused() -> None:
    sampling = Sampling(Interpolation.BILINEAR, Padding.ZEROS, True)
    result = GridSample().run(Case(sampling, 1, 1, (1, 1 << 23), (1, 1)).model(), PassContext())
    (skip,) = result.skips
    assert skip.reason == "an axis has more than 4194304 pixels, too many for float32"


@pytest.mark.parametrize("interpolation", list(Interpolation), ids=lambda item: item.value)
def test_points_without_a_place_read_the_padding(interpolation: Interpolation) -> None:
    """Infinity and finite numbers far beyond float32's pixels lie outside, NaN on the low side."""
    values = np.array([1e8, -1e8, 3e38, -3e38, np.inf, -np.inf, np.nan], np.float32)
    high = np.array([True, False, True, False, True, False, False])
    grid = np.zeros((1, 1, len(values), 2), np.float32)
    grid[0, 0, :, 0] = values
    image = np.full((1, 1, 1, 5), 3.0, np.float32)
    image[..., 0], image[..., -1] = 7, 9
    for symbolic, align in itertools.product((False, True), (False, True)):
        found = {}
        for padding in Padding:
            sampling = Sampling(interpolation, padding, align)
            case = Case(sampling, 1, 1, (1, 5), (1, len(values)), symbolic=symbolic)
            result = decomposed(case.model())
            found[padding] = run(result.model, {"x": image, "grid": grid}).reshape(-1)
        np.testing.assert_array_equal(found[Padding.ZEROS], 0)
        np.testing.assert_allclose(found[Padding.BORDER], np.where(high, 9, 7), rtol=1e-6)
        # Beyond 2**23 pixels there is no fraction left to reflect; pixel 0 stands for it.
        np.testing.assert_allclose(found[Padding.REFLECTION], 7, rtol=1e-6)


def test_infinite_pixels_stay_where_they_are() -> None:
    """A weight of zero times an infinite pixel is NaN, so nothing outside may touch the picture."""
    sampling = Sampling(Interpolation.BILINEAR, Padding.ZEROS, True)
    case = Case(sampling, 1, 1, (3, 3), (1, 4))
    image = np.full(case.image_shape, np.inf, np.float32)
    grid = np.array([[[[-3, 0], [5, 5], [0, -2.5], [100, 0]]]], np.float32)
    np.testing.assert_array_equal(
        run(decomposed(case.model()).model, {"x": image, "grid": grid}), 0
    )


def test_constant_grid_leaves_only_the_reading_of_pixels() -> None:
    sampling = Sampling(Interpolation.BILINEAR, Padding.REFLECTION, False)
    case = Case(sampling, 2, 3, (5, 6), (3, 4), spread="outside")
    feeds = case.feeds()
    model = case.model()
    grid = model.graph.inputs.pop()
    grid.const_value = ir.tensor(feeds["grid"], name="grid")
    model.graph.register_initializer(grid)
    result = decomposed(model)
    assert [node.op_type for node in model.graph] == [
        "Transpose", "Reshape", "Gather", "Mul", "ReduceSum", "Transpose", "Reshape",
    ]  # fmt: skip
    after = run(model, {"x": feeds["x"]})
    assert_within(result.contract, after, run(case.model(), feeds))


# Placeholders

PLACEHOLDER = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[n,3,4,5] image, float[m,4,5,2] grid) => (float[n,3,4,5] y)
<int64[1] axis = {2}, int64[10] pads = {0,0,0,0,1,0,0,0,0,0}, float value = {7}>
{
    a = Unsqueeze(grid, axis)
    b = Pad(a, pads, value)
    c = Squeeze(b, axis)
    d = Transpose<perm = [0, 3, 1, 2]>(c)
    y = Add(d, image)
}
"""


PLANTED = "restored GridSample (bilinear, zeros, align_corners=1)"


class Taking:
    """A target that takes GridSample, or does not, or of which nobody knows."""

    name = "npu"

    def __init__(self, answer: bool | None) -> None:
        self.answer = answer

    def accepts(self, op_type: str, opset: int) -> bool | None:
        assert (op_type, opset >= 16) == ("GridSample", True)
        return self.answer


@pytest.mark.parametrize(
    ("mode", "target", "kept", "note"),
    [
        (Mode.RESTORE, None, True, PLANTED),
        (
            Mode.AUTO,
            Taking(True),
            True,
            PLANTED + ": target npu takes it",
        ),
        (
            Mode.AUTO,
            Taking(False),
            False,
            PLANTED + " and decomposed it: target npu does not take it",
        ),
        (
            Mode.AUTO,
            Taking(None),
            False,
            PLANTED + " and decomposed it: nobody knows whether target npu takes it",
        ),
        (
            Mode.AUTO,
            None,
            False,
            PLANTED + " and decomposed it: no target is given",
        ),
    ],
)
def test_target_decides_what_a_placeholder_becomes(
    mode: Mode, target: Taking | None, kept: bool, note: str
) -> None:
    model = from_text(PLACEHOLDER)
    result = GridSample(mode=mode).run(model, PassContext(target))
    assert ("GridSample" in {node.op_type for node in model.graph}) is kept
    assert model.opset_imports[""] == (16 if kept else 13)
    assert result.notes == (("raised the opset from 13 to 16",) if kept else ())
    assert [rewrite.note for rewrite in result.rewrites] == [note]
    again = GridSample(mode=mode).run(model, PassContext(target))
    assert not again.rewrites


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_placeholder_becomes_any_sampling(sampling: Sampling) -> None:
    rng = np.random.default_rng(1)
    feeds = {
        "image": rng.normal(size=(2, 3, 4, 5)).astype(np.float32),
        "grid": rng.uniform(-1.5, 1.5, size=(2, 4, 5, 2)).astype(np.float32),
    }
    for mode in (Mode.RESTORE, Mode.AUTO):
        model = from_text(PLACEHOLDER)
        result = GridSample(
            mode=mode,
            interpolation=sampling.interpolation,
            padding=sampling.padding,
            align_corners=sampling.align_corners,
        ).run(model, PassContext())
        check(model)
        assert isinstance(result.contract, Replaces)
        (site,) = result.contract.substitutions
        assert (site.inputs, site.output) == (("image", "grid"), "y")
        expected = site.reference(*(feeds[name] for name in site.inputs))
        np.testing.assert_allclose(run(model, feeds), expected, rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("mode", [Mode.RESTORE, Mode.AUTO])
def test_restored_export_agrees_with_the_direct_one(mode: Mode, batch: int) -> None:
    """The StarNet exported with the placeholder, restored, is the StarNet exported directly."""
    rng = np.random.default_rng(2)
    feeds = {"x": rng.normal(size=(batch, 3, 32, 100)).astype(np.float32)}
    expected = run(load(EXAMPLES / "starnet.onnx"), feeds)
    restored = load(EXAMPLES / "starnet_placeholder.onnx")
    result = GridSample(mode=mode).run(restored, PassContext())
    assert len(result.rewrites) == 1
    np.testing.assert_allclose(run(restored, feeds), expected, rtol=1e-5, atol=1e-5)


# Where the types come from


def test_types_are_inferred_when_the_exporter_wrote_none() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 16]>
        main (float[1,1,3,3] x, float[1,2,2,2] g) => (float[1,1,2,2] y)
        { a = Relu(x)  b = Tanh(g)  c = GridSample(a, b)  y = Neg(c) }
        """
    )
    assert model.graph[0].outputs[0].shape is None
    assert len(GridSample().run(model, PassContext()).rewrites) == 1


def test_sampling_inside_a_branch_reads_values_from_outside() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 16]>
        main (float[2,3,5,6] x, float[2,3,4,2] grid, bool go) => (float[2,3,3,4] y)
        {
            y = If(go) <
                then_branch = yes () => (float[2,3,3,4] s) { s = GridSample(x, grid) },
                else_branch = no () => (float[2,3,3,4] t)
                    { t = GridSample <padding_mode = "border"> (x, grid) }
            >
        }
    """
    before, model = from_text(text), from_text(text)
    result = GridSample().run(model, PassContext())
    check(model)
    assert len(result.rewrites) == 2
    case = Case(SAMPLINGS[0], 2, 3, (5, 6), (3, 4), spread="outside")
    for go in (True, False):
        feeds = {**case.feeds(), "go": np.array(go)}
        np.testing.assert_allclose(run(model, feeds), run(before, feeds), rtol=1e-5, atol=1e-6)


def test_sampling_inside_a_function_has_no_types() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 16, "local" : 1]>
        main (float[2,3,5,6] x, float[2,3,4,2] g) => (float[2,3,3,4] y) { y = local.warp(x, g) }
        <domain: "local", opset_import: ["" : 16]>
        warp (a, b) => (c) { c = GridSample(a, b) }
        """
    )
    (skip,) = GridSample().run(model, PassContext()).skips
    assert skip.reason == "the rank of image and grid is not known"
