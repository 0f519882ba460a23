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
    """Write attributes that are left out with the defaults that the operator has.

    Why
        A reader with other defaults than ONNX takes them as they are meant; ``explicit-attrs``
        writes only those that ATC reads otherwise.
    """

    name = "ir:add-default-attributes"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.AddDefaultAttributesPass()


@dataclass(frozen=True, kw_only=True)
class ClearMetadataAndDocString(IrPass):
    """Remove metadata and doc strings of graphs, nodes and functions; the model keeps its own.

    Why
        Exporters leave stack traces and names of classes in every node, which make a file larger
        and tell about the sources.
    """

    name = "ir:clear-metadata-and-doc-string"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.ClearMetadataAndDocStringPass()


@dataclass(frozen=True, kw_only=True)
class CommonSubexpressionElimination(IrPass):
    """Replace nodes that compute what another one computes already.

    Why
        What is computed twice costs twice; ``cse`` does the same, in branches and functions too.
    """

    name = "ir:common-subexpression-elimination"

    size_limit: int = 10
    """Largest constant in an attribute to compare, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.CommonSubexpressionEliminationPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class DeduplicateHashedInitializers(IrPass):
    """Keep one of equal initializers, which are found by a hash of their content.

    Why
        An exporter writes a weight once for each use of it, and a large one costs memory each time.
    """

    name = "ir:deduplicate-hashed-initializers"

    size_limit: int = 4 << 30
    """Largest initializer to look at, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.DeduplicateHashedInitializersPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class DeduplicateInitializers(IrPass):
    """Keep one of equal initializers, up to a size.

    Why
        An exporter writes the same small constants for every layer.
    """

    name = "ir:deduplicate-initializers"

    size_limit: int = 1024
    """Largest initializer to look at, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.DeduplicateInitializersPass(self.size_limit)


@dataclass(frozen=True, kw_only=True)
class Inline(IrPass):
    """Put the bodies of functions in place of their calls.

    Why
        Many tools know no functions of the model itself.
    """

    name = "ir:inline"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.InlinePass()


@dataclass(frozen=True, kw_only=True)
class LiftConstantsToInitializers(IrPass):
    """Make Constant nodes initializers.

    Why
        Initializers are read everywhere, forms of Constant other than ``value`` are not;
        ``constants`` takes all of them, whatever their size.
    """

    name = "ir:lift-constants-to-initializers"

    all: bool = False
    """Those with value_ints, value_float and the like, too."""
    size_limit: int = 16
    """Smallest constant to lift, in elements."""

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.LiftConstantsToInitializersPass(self.all, self.size_limit)


@dataclass(frozen=True, kw_only=True)
class LiftSubgraphInitializersToMainGraph(IrPass):
    """Move initializers of subgraphs to the main graph.

    Why
        Tools that look at the weights of a model look at those of the main graph.
    """

    name = "ir:lift-subgraph-initializers-to-main-graph"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.LiftSubgraphInitializersToMainGraphPass()


@dataclass(frozen=True, kw_only=True)
class NameFix(IrPass):
    """Give nodes and values names that are unique in the whole model.

    Why
        onnxruntime refuses equal names of nodes, and tools that go by names mix up what has none;
        ``names`` names only what ATC wants named.
    """

    name = "ir:name-fix"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.NameFixPass()


@dataclass(frozen=True, kw_only=True)
class OutputFix(IrPass):
    """Put an Identity in front of graph outputs that are inputs, or there twice.

    Why
        onnx-ir wants every output made by a node, and made for it alone.

    Rewrites
        An input that is an output, too, gets a new name, and an Identity makes the output.
    """

    name = "ir:output-fix"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.OutputFixPass()


@dataclass(frozen=True, kw_only=True)
class RemoveInitializersFromInputs(IrPass):
    """Take initializers out of the inputs, so that they are constants.

    Why
        An initializer that is an input is a default that the caller may replace, so that nothing is
        folded into it; old exporters write all weights so.

    Leaves alone
        The numbers: what was the default holds from now on. ``sim{freeze}`` does the same.
    """

    name = "ir:remove-initializers-from-inputs"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveInitializersFromInputsPass()


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedFunctions(IrPass):
    """Remove functions that nothing calls.

    Why
        They are left behind when calls are inlined or removed.
    """

    name = "ir:remove-unused-functions"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedFunctionsPass()  # type: ignore[no-untyped-call]  # it has no type


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedNodes(IrPass):
    """Remove nodes and initializers that nothing reads.

    Why
        They are left behind by rewrites; ``prune`` removes functions and opset imports, too.
    """

    name = "ir:remove-unused-nodes"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedNodesPass()


@dataclass(frozen=True, kw_only=True)
class RemoveUnusedOpsets(IrPass):
    """Remove opset imports of domains that no node has.

    Why
        A tool may refuse a model for a domain that it does not know, used or not.
    """

    name = "ir:remove-unused-opsets"

    def tool(self) -> Any:
        """See :class:`IrPass`."""
        return common.RemoveUnusedOpsetsPass()
