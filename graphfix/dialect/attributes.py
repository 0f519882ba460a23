"""Attributes that ONNX lets a node leave out and ATC does not.

Only those are written whose absence is an error or means something else there:

- Transpose without ``perm`` is an error (hicann/ops-math: transpose ONNX plugin).
- ConvTranspose without ``kernel_shape`` is an error, Conv without it when nothing else tells the
  number of dimensions (hicann/ops-nn: conv and conv_transpose ONNX plugins).
- Resize with ``half_pixel``, ONNX's default, samples as asymmetric in the releases of 2022, which
  know only ``pytorch_half_pixel`` (canndev 2022-06: resize_plugin.cc). Both are the same where no
  axis becomes one element long. From 8.5 on both are known (hicann/ops-nn); 7.0 and 8.0 are not
  public.
"""

from typing import Final

import onnx_ir as ir

from graphfix.dialect.scope import Scope, set_attributes
from graphfix.target import Profile

_WITHOUT_HALF_PIXEL: Final = ("5.1", "6.0", "7.0", "8.0")
"""Releases that are known, or may be, to take half_pixel for asymmetric."""


def lower(node: ir.Node, profile: Profile, scope: Scope) -> None:
    """Write what the node leaves out."""
    if node.op_type == "Transpose":
        _perm(node, scope)
    elif node.op_type in ("Conv", "ConvTranspose"):
        _kernel_shape(node, scope)
    elif node.op_type == "Resize" and scope.opset >= 11 and profile.cann in _WITHOUT_HALF_PIXEL:
        _half_pixel(node, scope)


def _perm(node: ir.Node, scope: Scope) -> None:
    if "perm" in node.attributes:
        return
    dims = scope.knowledge.dims(node.inputs[0])
    if dims is None:
        scope.journal.refuse(
            node, "ATC needs perm, and the rank of its input is not known; write the attribute"
        )
        return
    node.attributes.add(ir.AttrInt64s("perm", [*reversed(range(len(dims)))]))
    scope.journal.changed(node, "perm written, without which ATC stops")


def _kernel_shape(node: ir.Node, scope: Scope) -> None:
    if "kernel_shape" in node.attributes:
        return
    known = [size for size in (scope.knowledge.dims(node.inputs[1]) or ())[2:] if size is not None]
    rank = len(scope.knowledge.dims(node.inputs[1]) or ())
    if known and len(known) == rank - 2:
        set_attributes(node, ir.AttrInt64s("kernel_shape", known))
        scope.journal.changed(node, "kernel_shape written, without which ATC may stop")
    elif node.op_type == "ConvTranspose":
        scope.journal.refuse(
            node, "ATC needs kernel_shape, and the shape of the weight is not known; write it"
        )


def _half_pixel(node: ir.Node, scope: Scope) -> None:
    mode = node.attributes.get_string("coordinate_transformation_mode", "half_pixel")
    if mode != "half_pixel":
        return
    before, after = (scope.knowledge.dims(v) or () for v in (node.inputs[0], node.outputs[0]))
    same = 0 < len(before) == len(after) and all(
        new is not None and (new > 1 or new == old) for old, new in zip(before, after, strict=True)
    )
    if not same:
        scope.journal.note(
            node,
            "releases of 2022 read half_pixel as asymmetric, and the sizes of the result are not "
            "known to be above 1, where pytorch_half_pixel would be the same",
        )
        return
    node.attributes.add(ir.AttrString("coordinate_transformation_mode", "pytorch_half_pixel"))
    scope.journal.changed(node, "half_pixel named pytorch_half_pixel, which every release reads")
