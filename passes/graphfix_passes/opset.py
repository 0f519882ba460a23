"""The ``opset`` pass."""

from collections.abc import Iterable
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.errors import PassError
from graphfix.rewrite.base import Pass, PassContext
from graphfix.rewrite.opsets import UP, convert
from graphfix.rewrite.records import PassResult
from graphfix.rewrite.upgrade import check_known, fill_types, ir_version_of
from graphfix_passes._opset import DOWN

LOWEST = 11
"""The lowest opset that nodes are taken down to."""

_FLOAT8 = frozenset(kind for kind in ir.DataType if kind.name.startswith("FLOAT8"))
_TINY = frozenset(
    kind for kind in ir.DataType if kind.name in ("INT4", "UINT4", "FLOAT4E2M1", "INT2", "UINT2")
)


@dataclass(frozen=True, kw_only=True)
class Opset(Pass):
    """Convert the model to another opset, up or down.

    Why
        ATC takes the default domain up to a version that depends on CANN, and reads some operators
        of newer opsets by their older meaning; onnxruntime, TensorRT and other tools have limits of
        their own. Exporters offer some versions only (torch's dynamo exporter: 18 and up).
    Rewrites
        1. Every node whose operator changed between the two opsets, in the graph, its subgraphs and
           its functions, takes the form that the opset wants: axes as attribute or as input,
           Softmax over one axis or over all that follow, roi of Resize, modes, defaults.
        2. On the way down, operators that do not exist yet become their parts: HardSwish, Gelu,
           Mish, LayerNormalization, GroupNormalization, Einsum, Trilu, Attention and others.
        3. Types that an older operator does not take are worked on in a wider type and cast back.
    Leaves alone
        Other domains. ``ir_version`` rises and falls with the opset, as far as the model's own
        features (functions, types) allow. A model with nodes that cannot be expressed stays as it
        is, and the error lists all of them with the reasons.
    Numerics
        Exact when only forms changed, close when an operator became its parts.
    Options
        to  the opset of the result, from 11 to 26
    """

    name = "opset"
    example = "opset{to=11}"
    after = ("deform-conv",)  # which takes what conversion cannot

    to: int
    """Opset of the result, from 11 to 26."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Carry every node over the versions between; see the class."""
        if self.select is not None:
            raise PassError("an opset holds for the whole model; remove select=")
        check_known(model, self.to, LOWEST)
        before = model.opset_imports.get("", self.to)
        imports = [model.opset_imports, *(f.opset_imports for f in model.functions.values())]
        if all(versions.get("", self.to) == self.to for versions in imports):
            return PassResult(model, Exact())
        fill_types(model)
        rewrites, exact = convert(model, self.to, up=UP, down=DOWN, context=context)
        wanted = ir_version_of(self.to)
        if before > self.to:
            wanted = min(model.ir_version or wanted, max(wanted, _ir_version_of_features(model)))
        else:
            wanted = max(model.ir_version or 0, wanted)
        model.ir_version = wanted
        note = f"opset {before} → {self.to}, ir_version {wanted}"
        contract = Exact() if exact else self.contract
        return PassResult(model, contract, rewrites, notes=(note,))


def _ir_version_of_features(model: ir.Model) -> int:
    """The oldest ``ir_version`` that has everything the model uses besides its operators."""
    needed = 3
    if any(value.is_initializer() and not value.is_graph_input() for value in _constants(model)):
        needed = 4
    if model.functions:
        needed = 10 if any(function.overload for function in model.functions.values()) else 8
    kinds = {value.dtype for value in _constants(model)} | {i.dtype for i in model.graph.inputs}
    if kinds & _FLOAT8:
        needed = max(needed, 9)
    if kinds & _TINY:
        needed = max(needed, 10)
    return needed


def _constants(model: ir.Model) -> Iterable[ir.Value]:
    for graph in model.graphs():
        yield from graph.initializers.values()
