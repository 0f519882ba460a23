"""The ``ir:`` passes: those of onnx-ir, under their own names and with their own options.

Left out are those that do not hold: IdentityElimination breaks a branch that hands on a value of
the graph around it (``no-op`` does not), ShapeInference takes sequences for tensors, and
AddInitializersToInputs makes inputs that nobody has numbers for. TopologicalSort and Checker have
nothing to do, since every model is loaded sorted and checked after every pass.
"""

from dataclasses import dataclass
from typing import Any

import onnx_ir.passes.common as common

from graphfix_passes._ir_pass import IrPass


@dataclass(frozen=True, kw_only=True)
class AddDefaultAttributes(IrPass):
    """Write attributes that are left out with the defaults that the operator has."""

    name = "ir:add-default-attributes"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.AddDefaultAttributesPass()


@dataclass(frozen=True, kw_only=True)
class ClearMetadata(IrPass):
    """Remove metadata and doc strings of graphs, nodes and functions; the model keeps its own."""

    name = "ir:clear-metadata-and-doc-string"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.ClearMetadataAndDocStringPass()


@dataclass(frozen=True, kw_only=True)
class CommonSubexpressions(IrPass):
    """Replace nodes that compute what another one computes already."""

    name = "ir:common-subexpression-elimination"

    size_limit: int = 10
    """Largest constant in an attribute to compare, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.CommonSubexpressionEliminationPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class HashedInitializers(IrPass):
    """Keep one of equal initializers, which are found by a hash of their content."""

    name = "ir:deduplicate-hashed-initializers"

    size_limit: int = 4 << 30
    """Largest initializer to look at, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.DeduplicateHashedInitializersPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class EqualInitializers(IrPass):
    """Keep one of equal initializers, up to a size."""

    name = "ir:deduplicate-initializers"

    size_limit: int = 1024
    """Largest initializer to look at, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.DeduplicateInitializersPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class Inline(IrPass):
    """Put the bodies of functions in place of their calls."""

    name = "ir:inline"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.InlinePass()


@dataclass(frozen=True, kw_only=True)
class LiftConstants(IrPass):
    """Make Constant nodes initializers."""

    name = "ir:lift-constants-to-initializers"

    all: bool = False
    """Those with value_ints, value_float and the like, too."""
    size_limit: int = 16
    """Smallest constant to lift, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.LiftConstantsToInitializersPass(self.all, self.size_limit)


@dataclass(frozen=True, kw_only=True)
class LiftInner(IrPass):
    """Move initializers of subgraphs to the main graph."""

    name = "ir:lift-subgraph-initializers-to-main-graph"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.LiftSubgraphInitializersToMainGraphPass()


@dataclass(frozen=True, kw_only=True)
class NameFix(IrPass):
    """Give nodes and values names that are unique in the whole model."""

    name = "ir:name-fix"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.NameFixPass()


@dataclass(frozen=True, kw_only=True)
class OutputFix(IrPass):
    """Put an Identity in front of graph outputs that are inputs, or there twice."""

    name = "ir:output-fix"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.OutputFixPass()


@dataclass(frozen=True, kw_only=True)
class DefaultsToConstants(IrPass):
    """Take initializers out of the inputs, so that they are constants."""

    name = "ir:remove-initializers-from-inputs"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveInitializersFromInputsPass()


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedFunctions(IrPass):
    """Remove functions that nothing calls."""

    name = "ir:remove-unused-functions"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedFunctionsPass()  # type: ignore[no-untyped-call]  # it has no type


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedNodes(IrPass):
    """Remove nodes and initializers that nothing reads."""

    name = "ir:remove-unused-nodes"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedNodesPass()


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedOpsets(IrPass):
    """Remove opset imports of domains that no node has."""

    name = "ir:remove-unused-opsets"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedOpsetsPass()
