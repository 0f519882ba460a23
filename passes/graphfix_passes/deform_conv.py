"""``deform-conv``: deformable convolutions of every exporter, in a form the target takes."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx_ir as ir

from graphfix import ops
from graphfix.contract import Close, Contract, Replaces, Substitution
from graphfix.model import infer_shapes
from graphfix.rewrite import (
    PassContext,
    PassResult,
    Rewrite,
    RewritePass,
    Rewriter,
    Skip,
    Target,
    constant_tensor,
)
from graphfix.rewrite.upgrade import raise_opset
from graphfix_passes import _deform_conv_forms as forms
from graphfix_passes._deform_conv_decompose import decompose
from graphfix_passes._deform_conv_forms import Convolution, Order, size_of
from graphfix_passes._deform_conv_reference import Window, deform_conv
from graphfix_passes._fold import Fold, Number


class Mode(enum.Enum):
    """What becomes of a deformable convolution."""

    AUTO = "auto"
    ASCEND = "ascend"
    STANDARD = "standard"
    DECOMPOSE = "decompose"


_OPSETS = {Mode.ASCEND: range(11, 23), Mode.STANDARD: range(19, 27), Mode.DECOMPOSE: range(11, 27)}
"""The opsets that can express the result."""

_HALF_OR_SINGLE = (ir.DataType.FLOAT16, ir.DataType.FLOAT)
_TYPES = {
    Mode.ASCEND: _HALF_OR_SINGLE,
    Mode.STANDARD: (*_HALF_OR_SINGLE, ir.DataType.DOUBLE),
    Mode.DECOMPOSE: _HALF_OR_SINGLE,  # onnxruntime has no Conv of float64
}


@dataclass(frozen=True, kw_only=True)
class DeformConv(RewritePass):
    """Replace deformable convolutions of every exporter by the operator that the target takes.

    Why
        ATC registers neither DeformConv nor the operators of torchvision and mmcv, of which
        onnxruntime knows none either. It has DeformableConv2D, with other attributes, another order
        of offsets, and defaults that are wrong for ONNX.

    Rewrites
        DeformConv, torchvision::deform_conv2d, MMCVDeformConv2d and MMCVModulatedDeformConv2d (in
        mmcv, in mmdeploy and without a domain), and DeformableConv2D without a domain, also with
        ``defomable_groups``, into

        1. a call of ascend::DeformableConv2D (``ascend``), with a Pad in front of it where pads
           differ on two sides;
        2. DeformConv (``standard``); the opset is raised to 19 for it;
        3. Gather, index arithmetic and a Conv of 1 by 1 (``decompose``): operators of opset 11.

        ``auto`` takes the first, unless the target takes DeformConv or no DeformableConv2D. A
        mask that is absent becomes ones. Offsets of MMCVModulatedDeformConv2d that are larger than
        the output are cut to what the kernels of mmcv read, the first numbers of each image.

    Leaves alone
        A node with numbers or sizes that contradict each other, that are computed, or without a
        known kernel size. Element types that are unknown, mixed or not floats; float64 but with
        ``standard``. What is in a function; nodes that no runtime knows also in a subgraph, where
        their result cannot be checked. What is in an opset that has no such form.

    Numerics
        The same sums in another order. What no runtime can run is compared with a reference in
        float64, which rounds positions to float32 as all kernels do. float16 is calculated in
        float32. NaN offsets, for which ONNX defines nothing, differ.
    """

    name = "deform-conv"
    match_ops = (
        "DeformConv",
        "deform_conv2d",
        "MMCVDeformConv2d",
        "MMCVModulatedDeformConv2d",
        "DeformableConv2D",
    )
    reads_shapes = True

    mode: Mode = Mode.AUTO
    """auto: what the target takes; ascend, standard or decompose: that form."""

    def matches(self, node: ir.Node) -> bool:
        """Every form; calls of ATC's operator when they become something else or need a Pad."""
        if not forms.is_convolution(node):
            return False
        other = self.mode in (Mode.STANDARD, Mode.DECOMPOSE)
        return node.domain != "ascend" or other or forms.is_lopsided(node)

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: the opset cannot be raised to the one that is needed.
        """
        found = any(self.matches(node) for node in model.graph)
        values = [value for node in model.graph for value in node.outputs] if found else []
        stated = [(value, value.type, value.shape) for value in values]
        if found:
            self._infer_through(model)
        note = self._raise_opset(model, context)
        result = super().run(model, context)
        if not result.rewrites:  # a pass that does nothing leaves no traces
            for value, type_, shape in stated:
                value.type, value.shape = type_, shape
        return replace(result, notes=(*result.notes, *note))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Put the convolution into the form that is wanted."""
        mode = self._mode(rw.target)
        if node.op_type == "DeformConv" and (mode is Mode.STANDARD or self._takes(rw.target, rw)):
            return rw.satisfied("it is a DeformConv already")
        conv = self._usable(node, mode, rw)
        if isinstance(conv, Skip):
            return conv
        if rw.opset not in (opsets := _OPSETS[mode]):
            return rw.skip(
                f"opset {rw.opset} has no {mode.value} form, only {opsets[0]} to {opsets[-1]} have"
            )
        if forms.is_foreign(node):
            rw.promise(_replaces(node, conv))
        return _BUILDERS[mode](_fitting(conv, rw), rw)

    def _usable(self, node: ir.Node, mode: Mode, rw: Rewriter) -> Convolution | Skip:
        if rw.in_function:
            return rw.skip("it is in a function, where types and sizes are not known")
        if forms.is_foreign(node) and node.graph is not rw.model.graph:
            return rw.skip("it is not in the main graph, its result cannot be checked")
        conv = forms.read(node, rw)
        reason = "" if isinstance(conv, Skip) else _wrong_type(conv, mode) or _empty(conv)
        return rw.skip(reason) if reason else conv

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """All references in one ``Replaces``; the tolerance of the type for the rest."""
        promised = [rewrite.contract for rewrite in rewrites]
        substitutions = [s for c in promised if isinstance(c, Replaces) for s in c.substitutions]
        return Replaces(tuple(substitutions)) if substitutions else Close()

    def _mode(self, target: Target | None) -> Mode:
        """What ``auto`` comes down to."""
        if self.mode is not Mode.AUTO:
            return self.mode
        # The opset may still change, so that one at which it is taken will do.
        refused = target is not None and all(
            target.accepts("DeformableConv2D", opset) is False for opset in _OPSETS[Mode.ASCEND]
        )
        return Mode.DECOMPOSE if refused else Mode.ASCEND

    def _takes(self, target: Target | None, rw: Rewriter) -> bool:
        if self.mode is not Mode.AUTO or target is None:
            return False
        return target.accepts("DeformConv", rw.opset) is True

    def _raise_opset(self, model: ir.Model, context: PassContext) -> tuple[str, ...]:
        """Raise the opset for what will be put into the main graph; say so."""
        mode = self._mode(context.target)
        opset, needed = model.opset_imports.get("", 1), _OPSETS[mode].start
        if opset >= needed or not self._meant(model, mode):
            return ()
        raise_opset(model, needed)
        return (f"raised the opset from {opset} to {needed}",)

    def _meant(self, model: ir.Model, mode: Mode | None = None) -> dict[ir.Node, Convolution]:
        """What the nodes of the main graph mean; with a mode, of those that can be rewritten."""
        rw = Rewriter(model, PassContext())
        nodes = [node for node in model.graph if self.matches(node)]
        found = {}
        for node in nodes if self.select is None else self.select.filter(nodes):
            rw.begin(node, model.graph)
            conv = forms.read(node, rw) if mode is None else self._usable(node, mode, rw)
            rw.abandon()
            if isinstance(conv, Convolution):
                found[node] = conv
        return found

    def _infer_through(self, model: ir.Model) -> None:
        """Infer shapes as if every node without a runtime were a Conv, which has the same ones."""
        meant = self._meant(model)
        copy = model.clone()
        for node, twin in zip(model.graph, copy.graph, strict=True):
            if node in meant and forms.is_foreign(node):
                conv, inputs = meant[node], dict(zip(node.inputs, twin.inputs, strict=True))
                _become_conv(twin, conv, inputs[conv.x], inputs[conv.weight])
        infer_shapes(copy)
        for node, twin in zip(model.graph, copy.graph, strict=True):
            for value, found in zip(node.outputs, twin.outputs, strict=True):
                value.shape, value.type = found.shape, found.type


def _become_conv(
    node: ir.Node, conv: Convolution, x: ir.Value | None, weight: ir.Value | None
) -> None:
    node.op_type, node.domain = "Conv", ""
    node.resize_inputs(2)
    node.replace_input_with(0, x)
    node.replace_input_with(1, weight)
    node.attributes.clear()
    for name, values in (
        ("strides", conv.strides), ("pads", conv.pads), ("dilations", conv.dilations),
    ):  # fmt: skip
        node.attributes.add(ir.AttrInt64s(name, values))
    node.attributes.add(ir.AttrInt64("group", conv.groups))


def _wrong_type(conv: Convolution, mode: Mode) -> str:
    inputs = (conv.x, conv.weight, conv.offset, conv.mask, conv.bias)
    found = {value.dtype for value in inputs if value is not None}
    if None in found:
        return "the element type of one of its inputs is not known"
    names = " and ".join(sorted(dtype.name for dtype in found if dtype is not None))
    if len(found) > 1:
        return f"its inputs are {names}, only one type for all is known"
    if not found <= set(_TYPES[mode]):
        allowed = ", ".join(dtype.name for dtype in _TYPES[mode])
        return f"its inputs are {names}, only {allowed} can be written as {mode.value}"
    return ""


def _empty(conv: Convolution) -> str:
    sizes = (conv.output_size(0), conv.output_size(1), *(size_of(conv.x, k) for k in range(4)))
    return "a dimension is 0, there is nothing to sample" if 0 in sizes else ""


def _fitting(conv: Convolution, rw: Rewriter) -> Convolution:
    """The convolution with offsets and masks of the size of its output.

    They are cut where nothing tells that they have it; in the graph where sizes are open.
    """
    read = [conv.offset, *([conv.mask] if conv.mask is not None else [])]
    if not conv.prefix or all(_fits(value, conv, rw) for value in read):
        return conv
    rw.note("of its offsets and masks the first numbers of each image are taken, as mmcv does")
    fold = Fold(rw)
    rows, columns = conv.output_size(0), conv.output_size(1)
    out: Number = np.array([rows, columns])
    if rows is None or columns is None:
        size = fold("Gather", rw.op("Shape", conv.x), np.array([2, 3]), axis=0)
        room = fold("Add", size, np.array([conv.room(0), conv.room(1)]))
        out = fold("Add", fold("Div", room, np.array(conv.strides)), np.array(1))
    offset, mask = _first_numbers(conv.offset, conv.offset_channels, out, fold), conv.mask
    if mask is not None:
        mask = _first_numbers(mask, conv.positions, out, fold)
    return replace(conv, offset=offset, mask=mask)


def _fits(value: ir.Value, conv: Convolution, rw: Rewriter) -> bool:
    known, have = rw.facts.dims(conv.x), rw.facts.dims(value)
    if known is None or have is None or len(known) != 4 or len(have) != 4:
        return False
    return all(have[2 + axis] == conv.windows(known[2 + axis], axis) for axis in (0, 1))


def _first_numbers(value: ir.Value, channels: int, out: Number, fold: Fold) -> ir.Value:
    """As many numbers of each image as there are points in the output, in its shape."""
    rows, columns = (fold("Gather", out, np.array([axis]), axis=0) for axis in (0, 1))
    count = fold("Mul", fold("Mul", rows, columns), np.array(channels))
    flat = fold("Reshape", value, np.array([0, -1]))
    first = fold("Slice", flat, np.array([0]), count, np.array([1]))
    shape = fold("Concat", np.array([0, channels]), out, axis=0)
    result = fold.value(fold("Reshape", first, shape))
    batch = None if value.shape is None else value.shape[0]
    sizes = [int(size) for size in out] if isinstance(out, np.ndarray) else [None, None]
    return _described(result, value, [batch, channels, *sizes])


def _ascend(conv: Convolution, rw: Rewriter) -> ir.Value:
    offsets = conv.offset
    if conv.order is Order.IN_TURNS:
        offsets = ops.pack_offsets(rw, conv.offset, conv.mask, conv.positions)
        known = list(conv.offset.shape) if conv.offset.shape is not None else [None] * 4
        _described(offsets, conv.offset, [known[0], 3 * conv.positions, *known[2:]])
    top, left, bottom, right = conv.pads
    pads = min(top, bottom), min(left, right)
    x = conv.x
    if conv.pads != (*pads, *pads):
        more = [0, 0, top - pads[0], left - pads[1], 0, 0, bottom - pads[0], right - pads[1]]
        x = _described(rw.op("Pad", x, rw.const(more), mode="constant"), conv.x, [None] * 4)
    (y,) = ops.call(
        rw,
        "DeformableConv2D",
        x,
        conv.weight,
        offsets,
        conv.bias,
        strides=conv.strides,
        pads=pads,
        dilations=conv.dilations,
        groups=conv.groups,
        deformable_groups=conv.deformable_groups,
    )
    return y


def _described(
    value: ir.Value, like: ir.Value, dims: Sequence[int | ir.SymbolicDim | None]
) -> ir.Value:
    value.type = like.type
    value.shape = ir.Shape(dims)
    return value


def _standard(conv: Convolution, rw: Rewriter) -> ir.Value:
    offset, mask = conv.offset, conv.mask
    if conv.order is Order.PACKED:
        across = np.arange(conv.positions)
        turns = np.stack([across + conv.positions, across], axis=1).reshape(-1)
        offset = rw.op("Gather", conv.offset, rw.const(turns), axis=1)
        mask = rw.op("Gather", conv.offset, rw.const(across + 2 * conv.positions), axis=1)
    optional = [conv.bias, mask]
    while optional and optional[-1] is None:
        optional.pop()
    return rw.op(
        "DeformConv",
        conv.x,
        conv.weight,
        offset,
        *optional,
        strides=conv.strides,
        pads=conv.pads,
        dilations=conv.dilations,
        group=conv.groups,
        offset_group=conv.deformable_groups,
        kernel_shape=conv.kernel,
    )


_BUILDERS: Mapping[Mode, Callable[[Convolution, Rewriter], ir.Value]] = {
    Mode.ASCEND: _ascend,
    Mode.STANDARD: _standard,
    Mode.DECOMPOSE: decompose,
}


def _replaces(node: ir.Node, conv: Convolution) -> Replaces:
    """Compare with the definition. Constants are kept by it, as the model may lose them."""
    roles = (conv.x, conv.weight, conv.offset, conv.mask, conv.bias)
    tensors = tuple(constant_tensor(value) for value in roles)
    given = tuple(value is not None for value in roles)
    inputs = tuple(
        value.name or ""
        for value, tensor in zip(roles, tensors, strict=True)
        if value is not None and tensor is None
    )
    packed = conv.order is Order.PACKED
    window = Window(
        conv.strides, conv.pads, conv.dilations, conv.groups, conv.deformable_groups, packed
    )
    reference = partial(_reference, tensors=tensors, given=given, window=window)
    return Replaces((Substitution(inputs, node.outputs[0].name or "", reference),))


def _reference(
    *arrays: np.ndarray,
    tensors: Sequence[ir.TensorProtocol | None],
    given: Sequence[bool],
    window: Window,
) -> np.ndarray:
    computed = iter(arrays)
    x, weight, offset, mask, bias = (
        tensor.numpy() if tensor is not None else next(computed) if there else None
        for tensor, there in zip(tensors, given, strict=True)
    )
    assert x is not None
    assert weight is not None
    assert offset is not None
    return deform_conv(x, weight, offset, mask, bias, window)
