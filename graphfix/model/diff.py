"""The structural difference of two models, node by node."""

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from graphfix.model.io import to_proto


@dataclass(frozen=True)
class ModelDiff:
    """What differs between two models."""

    changes: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether the models are the same."""
        return not self.changes

    def lines(self) -> tuple[str, ...]:
        """Return one line per difference."""
        return self.changes

    def to_dict(self) -> dict[str, Any]:
        """Return the differences for JSON."""
        return {"empty": self.empty, "changes": list(self.changes)}


def diff(a: ir.Model, b: ir.Model) -> ModelDiff:
    """Return what differs between ``a`` and ``b``."""
    left = {node.output[0]: node for node in to_proto(a, weights=True).graph.node}
    right = {node.output[0]: node for node in to_proto(b, weights=True).graph.node}
    removed = [f"- {left[name].op_type} -> {name}" for name in left if name not in right]
    added = [f"+ {right[name].op_type} -> {name}" for name in right if name not in left]
    changed = [f"~ {n} -> {k}" for k, n in left.items() if k in right and right[k] != n]
    return ModelDiff((*removed, *added, *changed))
