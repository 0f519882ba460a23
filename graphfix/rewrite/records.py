"""What a pass did, as frozen values: observed by the rewriter, never claimed by the pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from graphfix.contract import Contract
from graphfix.rewrite.site import Site


@dataclass(frozen=True)
class Skip:
    """A rewrite that was not made, and the fact that stood against it."""

    reason: str
    satisfied: bool = False
    """Whether the node is as the pass wants it already, so that doing nothing is success."""


@dataclass(frozen=True)
class SkipRecord:
    """A :class:`Skip` with the node it is about."""

    node: str
    op_type: str
    reason: str
    satisfied: bool = False


@dataclass(frozen=True)
class Rewrite:
    """One observed change of the graph.

    ``outputs`` are the values that keep their names across the change, so that the model before
    and the model after can be compared there; ``inputs`` are the values the new nodes read.
    """

    node: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    graph: str = ""
    """Name of the subgraph or function that holds the site; empty in the main graph."""
    note: str = ""
    contract: Contract | None = None
    """What was promised for this site alone, where it is not the pass's own contract."""
    kept: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What somebody may want of that which is gone, for JSON, by value of the model after."""
    anchor: int | None = None
    """Which of the pass's anchors it was, so that the pass can run again without it."""
    site: Site | None = field(default=None, compare=False, repr=False)
    """What can be run of it by itself; ``None`` when nobody looked."""

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "node": self.node,
            "op_type": self.op_type,
            "graph": self.graph,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "added": list(self.added),
            "removed": list(self.removed),
            "note": self.note,
            "contract": self.contract.label if self.contract else None,
        }


@dataclass(frozen=True)
class PassResult:
    """The outcome of one pass.

    ``model`` is the model that was handed in when the pass edits in place, another one otherwise.
    """

    model: ir.Model
    contract: Contract
    rewrites: tuple[Rewrite, ...] = ()
    skips: tuple[SkipRecord, ...] = ()
    notes: tuple[str, ...] = field(default=())
    observed: bool = False
    """Whether a rewriter made every change, so that ``rewrites`` are all there is to look at."""
