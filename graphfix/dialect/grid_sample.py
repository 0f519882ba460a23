"""GridSample: ATC has it at opsets 11 and 16 to 18, with every attribute written.

Its plugin takes the texts of the attributes as they are, empty when they are missing, and has
another operator, GridSample3D, for pictures with depth (hicann/ops-cv: grid_sample ONNX plugin).
Below opset 16 the valid spelling is ``com.microsoft::GridSample``, which onnxruntime brings along.
"""

from typing import Final

import onnx_ir as ir

from graphfix.dialect.scope import Scope, set_attributes
from graphfix.dialect.support import elsewhere
from graphfix.target import Profile

FIRST_OPSET: Final = 16
"""The opset that brought GridSample to ONNX."""

_CONTRIB: Final = "com.microsoft"
_VOLUME: Final = "GridSample3D"
_OLD_MODES: Final = {"linear": "bilinear", "cubic": "bicubic"}
"""Names of opset 20 and those that the plugin passes on to the kernel."""
_DEFAULTS: Final = (
    ir.AttrString("mode", "bilinear"),
    ir.AttrString("padding_mode", "zeros"),
    ir.AttrInt64("align_corners", 0),
)


def lower(node: ir.Node, profile: Profile, scope: Scope) -> None:
    """Write all attributes, and name the operator as ATC does."""
    dims = scope.knowledge.dims(node.inputs[0])
    wanted = _VOLUME if dims is not None and len(dims) == 5 else "GridSample"
    if profile.support(wanted, scope.opset).verdict is False:
        if node.domain == _CONTRIB:
            reason = elsewhere(wanted, profile, scope.opset)
            scope.journal.refuse(node, f"{reason}; gridsample{{mode=decompose}} takes it apart")
        return
    mode = node.attributes.get_string("mode", "bilinear")
    if mode in _OLD_MODES:
        node.attributes.add(ir.AttrString("mode", _OLD_MODES[mode]))
        scope.journal.changed(node, f"mode {mode!r} named {_OLD_MODES[mode]!r}")
    if written := set_attributes(node, *_DEFAULTS):
        scope.journal.changed(node, f"{', '.join(written)} written, for which ATC has no default")
    if (node.domain, node.op_type) != ("", wanted):
        before = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        node.domain, node.op_type = "", wanted
        scope.journal.changed(node, f"{before} spelled {wanted}")


def is_foreign(node: ir.Node, opset: int) -> bool:
    """Whether a node of the default domain is a sampling that ONNX spells otherwise."""
    return node.op_type == _VOLUME or (node.op_type == "GridSample" and opset < FIRST_OPSET)


def raise_(node: ir.Node, opset: int, scope: Scope) -> None:
    """Spell the sampling for ``opset``, the one that the model will be in."""
    before, data = node.op_type, node.inputs[0] if len(node.inputs) == 2 else None
    if data is None:
        scope.journal.refuse(node, "it must have two inputs, a picture and a grid")
        return
    if written := set_attributes(node, *_DEFAULTS):
        scope.journal.note(
            node, f"ATC has no default for {', '.join(written)}; it is raised with ONNX's"
        )
    node.op_type = "GridSample"
    if opset >= FIRST_OPSET:
        scope.journal.changed(node, f"{before} spelled GridSample of opset {opset}")
        return
    node.domain = _CONTRIB
    scope.model.graph.opset_imports[_CONTRIB] = 1
    if data.type is not None:
        node.outputs[0].type = data.type
    scope.journal.changed(node, f"{before} spelled {_CONTRIB}::GridSample")


def raised_opset(node: ir.Node, opset: int) -> int:
    """The opset that a sampling needs: onnxruntime's own operator has no depth."""
    return max(opset, FIRST_OPSET) if node.op_type == _VOLUME else opset
