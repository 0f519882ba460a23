"""What is shrunk: a model and, where numbers matter, one feed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir


@dataclass(frozen=True)
class Case:
    """A model with the arrays of its inputs; without a feed, inputs are generated as usual."""

    model: ir.Model
    feed: Mapping[str, Any] | None = None

    @property
    def nodes(self) -> int:
        """Nodes of the main graph and all its subgraphs."""
        return sum(1 for _ in self.model.graph.all_nodes())
