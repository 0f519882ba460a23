"""The deformable convolution that a node means, whoever exported it.

What the forms have in common: ``x`` is [N, C, H, W], ``weight`` [O, C / groups, kh, kw], and the
channels of the offsets go through the deformable groups first, then through the kernel by rows.

==================================  ====================  ==========================================
node                                offsets               source
==================================  ====================  ==========================================
DeformConv                          y, x in turns         ONNX, DeformConv 19; its mask is an input
torchvision::deform_conv2d          y, x in turns         torchvision, csrc/ops/cpu/deform_conv2d
MMCVDeformConv2d                    y, x in turns         mmcv, ops/deform_conv.py and its kernels
MMCVModulatedDeformConv2d           y, x in turns         mmcv, ops/modulated_deform_conv.py
DeformableConv2D                    all x, all y, masks   ATC's deformable_conv2d ONNX plugin
==================================  ====================  ==========================================

The MMCV names stand in the domains mmcv and mmdeploy, and in none at all (mmcv 1.2 and older).
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.symbolic import Number, Size, floor_division
from graphfix_passes._known import dims

STANDARD = ("", "ai.onnx")
_MMCV = ("mmcv", "mmdeploy", *STANDARD)
_MISSPELT = "defomable_groups"
"""So spelled by the patches of six models in Ascend's ModelZoo."""

_FIRST_STANDARD = 19
"""The opset that brought DeformConv."""


class Order(enum.Enum):
    """What the channels of the offsets are."""

    IN_TURNS = "y, x, y, x …; masks come apart or not at all"
    PACKED = "all x, all y, all masks"


@dataclass(frozen=True)
class Convolution:
    """A deformable convolution: inputs and parameters under one name for all forms."""

    x: ir.Value
    weight: ir.Value
    offset: ir.Value
    mask: ir.Value | None
    """Absent in version 1, and where the offsets hold it."""
    bias: ir.Value | None
    order: Order
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""
    dilations: tuple[int, int]
    groups: int
    deformable_groups: int
    prefix: bool = False
    """Whether offsets and masks larger than the output are read as far as they are needed."""

    @property
    def taps(self) -> int:
        """Positions in the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def positions(self) -> int:
        """Points that are sampled for each output point."""
        return self.deformable_groups * self.taps

    @property
    def offset_channels(self) -> int:
        """Of the offsets, with the masks where they hold them."""
        return (3 if self.order is Order.PACKED else 2) * self.positions

    def room(self, axis: int) -> int:
        """What pads add to the size of an axis, less the reach of the kernel."""
        reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1
        return self.pads[axis] + self.pads[axis + 2] - reach

    def windows(self, size: Size, axis: int) -> Number:
        """Rows (axis 0) or columns (1) of the output for that many of the input."""
        return floor_division(size + self.room(axis), self.strides[axis]) + 1

    def output_size(self, axis: int) -> int | None:
        """Rows or columns of the output, when those of ``x`` are known."""
        size = size_of(self.x, 2 + axis)
        found = None if size is None else self.windows(size, axis)
        return found if isinstance(found, int) else None


def size_of(value: ir.Value | None, axis: int) -> int | None:
    """One dim of a value, when it is a known number."""
    known = dims(value)
    dim = known[axis] if known is not None and axis < len(known) else None
    return dim if isinstance(dim, int) else None


def is_convolution(node: ir.Node) -> bool:
    """Whether the node is a deformable convolution in a form that is read here."""
    return (node.op_type in _FORMS) and node.domain in _FORMS[node.op_type][0]


def is_foreign(node: ir.Node) -> bool:
    """Whether no runtime knows the node, so that only a reference tells what it computes."""
    return not (node.op_type == "DeformConv" or node.domain == "ascend")


def is_lopsided(node: ir.Node) -> bool:
    """Whether the pads of a DeformableConv2D differ on two sides, which ATC does not take."""
    pads = node.attributes["pads"].as_ints() if "pads" in node.attributes else ()
    return len(pads) == 4 and list(pads[:2]) != list(pads[2:])


def read(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    """The convolution that ``node`` means; a skip says what is not known or contradicts itself."""
    found = _FORMS[node.op_type][1](node, rw)
    return found if isinstance(found, Skip) else _checked(found)


@dataclass(frozen=True)
class _Numbers:
    strides: Sequence[int]
    pads: Sequence[int]
    dilations: Sequence[int]
    groups: int
    deformable_groups: int


def _standard(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    if rw.opset < _FIRST_STANDARD:
        return rw.skip(f"opset {rw.opset} has no DeformConv, it came with {_FIRST_STANDARD}")
    numbers = _Numbers(
        rw.attr_ints(node, "strides") or (1, 1),
        rw.attr_ints(node, "pads") or (0,) * 4,
        rw.attr_ints(node, "dilations") or (1, 1),
        rw.attr_int(node, "group", 1),
        rw.attr_int(node, "offset_group", 1),
    )
    x, weight, offset, bias, mask = (rw.input(node, k) for k in range(5))
    return _made(x, weight, offset, mask, bias, Order.IN_TURNS, numbers)


def _torchvision(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    """Arguments behind the tensors, or attributes of the same names; ``use_mask`` is the last."""
    found = {}
    for k, name in enumerate(_ARGUMENTS, 5):
        given = node.attributes.get(name)
        number = rw.attr_int(node, name, 0) if given is not None else rw.scalar(rw.input(node, k))
        if number is None:
            return rw.skip(f"its argument {name} is computed or missing")
        found[name] = int(number)
    pads = (found["pad_h"], found["pad_w"])
    numbers = _Numbers(
        (found["stride_h"], found["stride_w"]),
        (*pads, *pads),
        (found["dil_h"], found["dil_w"]),
        found["n_weight_grps"],
        found["n_offset_grps"],
    )
    x, weight, offset, mask, bias = (rw.input(node, k) for k in range(5))
    mask = mask if found["use_mask"] else None
    return _made(x, weight, offset, mask, bias, Order.IN_TURNS, numbers)


_ARGUMENTS = (
    "stride_h", "stride_w", "pad_h", "pad_w", "dil_h", "dil_w", "n_weight_grps", "n_offset_grps",
    "use_mask",
)  # fmt: skip
"""Of torchvision::deform_conv2d, behind input, weight, offset, mask and bias."""


def _mmcv(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    x, offset, weight = (rw.input(node, k) for k in range(3))
    return _made(x, weight, offset, None, None, Order.IN_TURNS, _mmcv_numbers(node, rw))


def _modulated(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    x, offset, mask, weight, bias = (rw.input(node, k) for k in range(5))
    if mask is None:
        return rw.skip("its mask is missing")
    numbers = _mmcv_numbers(node, rw)
    return _made(x, weight, offset, mask, bias, Order.IN_TURNS, numbers, prefix=True)


def _mmcv_numbers(node: ir.Node, rw: Rewriter) -> _Numbers:
    groups = rw.attr_int(node, "deformable_groups", 1)  # its name in the documentation
    return _Numbers(
        _pair(node, "stride", rw, 1),
        _pair(node, "padding", rw, 0) * 2,
        _pair(node, "dilation", rw, 1),
        rw.attr_int(node, "groups", 1),
        rw.attr_int(node, "deform_groups", groups),
    )


def _packed(node: ir.Node, rw: Rewriter) -> Convolution | Skip:
    """Model patches misspell one attribute and leave out others; meant is what they computed."""
    layout = rw.attr_str(node, "data_format", "NCHW")
    if layout != "NCHW":
        return rw.skip(f"data_format is {layout!r}, only 'NCHW' is known")
    if rw.attr_int(node, "modulated", 1) == 0:
        return rw.skip("modulated is 0, and what its offsets hold then is not known")
    if "strides" not in node.attributes or "pads" not in node.attributes:
        return rw.skip("strides or pads are missing, and there is no default for them")
    pads = rw.attr_ints(node, "pads") or ()
    numbers = _Numbers(
        _pair(node, "strides", rw, 1),
        pads if len(pads) == 4 else _pair(node, "pads", rw, 0) * 2,
        _pair(node, "dilations", rw, 1),
        rw.attr_int(node, "groups", 1),
        rw.attr_int(node, "deformable_groups", rw.attr_int(node, _MISSPELT, 1)),
    )
    if _MISSPELT in node.attributes and "deformable_groups" not in node.attributes:
        rw.note(f"{_MISSPELT!r}, which ATC does not read, is taken for deformable_groups")
    x, weight, offsets, bias = (rw.input(node, k) for k in range(4))
    return _made(x, weight, offsets, None, bias, Order.PACKED, numbers)


_FORMS: Mapping[str, tuple[Sequence[str], Callable[[ir.Node, Rewriter], "Convolution | Skip"]]] = {
    "DeformConv": (STANDARD, _standard),
    "deform_conv2d": (("torchvision",), _torchvision),
    "MMCVDeformConv2d": (_MMCV, _mmcv),
    "MMCVModulatedDeformConv2d": (_MMCV, _modulated),
    "DeformableConv2D": (("ascend", *STANDARD), _packed),
}
"""Domains, and what reads the node."""


def _pair(node: ir.Node, name: str, rw: Rewriter, default: int) -> tuple[int, ...]:
    """One number for both axes, or two, in either type of attribute."""
    attribute = node.attributes.get(name)
    if attribute is not None and attribute.type == ir.AttributeType.INT:
        return (rw.attr_int(node, name, default),) * 2
    values = rw.attr_ints(node, name) or (default,)
    return values * 2 if len(values) == 1 else values


def _made(
    x: ir.Value | None,
    weight: ir.Value | None,
    offset: ir.Value | None,
    mask: ir.Value | None,
    bias: ir.Value | None,
    order: Order,
    numbers: _Numbers,
    *,
    prefix: bool = False,
) -> Convolution | Skip:
    if x is None or weight is None or offset is None:
        return Skip("its input, weight or offset is missing")
    for name, values, count in (
        ("strides", numbers.strides, 2),
        ("pads", numbers.pads, 4),
        ("dilations", numbers.dilations, 2),
    ):
        if len(values) != count:
            return Skip(f"{name} are {list(values)}, only two spatial axes are known")
    kernel = size_of(weight, 2), size_of(weight, 3)
    if kernel[0] is None or kernel[1] is None or len(dims(weight) or ()) != 4:
        return Skip("the shape of its weight is not known")
    top, left, bottom, right = numbers.pads
    return Convolution(
        x,
        weight,
        offset,
        mask,
        bias,
        order,
        (kernel[0], kernel[1]),
        (numbers.strides[0], numbers.strides[1]),
        (top, left, bottom, right),
        (numbers.dilations[0], numbers.dilations[1]),
        numbers.groups,
        numbers.deformable_groups,
        prefix,
    )


def _checked(found: Convolution) -> Convolution | Skip:
    """Refuse numbers without a meaning, and sizes that contradict the numbers."""
    positive = (*found.strides, *found.dilations, found.groups, found.deformable_groups)
    if min(positive) < 1 or min(found.pads) < 0:
        return Skip("strides, dilations or groups are not positive, or pads are negative")
    channels, per_group = size_of(found.x, 1), size_of(found.weight, 1)
    if channels is not None and per_group is not None and channels != per_group * found.groups:
        return Skip(
            f"its input has {channels} channels, its weight wants {per_group} in each of "
            f"{found.groups} groups"
        )
    if channels is not None and channels % found.deformable_groups:
        return Skip(f"{channels} channels do not make {found.deformable_groups} deformable groups")
    for what, value, wanted in (
        ("offset", found.offset, found.offset_channels),
        ("mask", found.mask, found.positions),
    ):
        size = size_of(value, 1)
        if size not in (None, wanted):
            return Skip(
                f"its {what} has {size} channels, not the {wanted} of its kernel and groups"
            )
        if reason := _wrong_size(value, what, found):
            return Skip(reason)
    return found


def _wrong_size(value: ir.Value | None, what: str, conv: Convolution) -> str:
    """Why offsets or masks do not serve every point of the output."""
    rows, columns = conv.output_size(0), conv.output_size(1)
    height, width = size_of(value, 2), size_of(value, 3)
    if rows in (None, height or rows) and columns in (None, width or columns):
        return ""
    said = f"its {what} is {height} by {width}, its output {rows} by {columns}"
    if rows is None or columns is None or height is None or width is None or not conv.prefix:
        return said
    enough = rows * columns <= height * width
    return "" if enough else f"{said}, so that there are not enough numbers"
