"""Shrink a model while it keeps a property, such as making a pass fail."""

from graphfix.reduction.case import Case
from graphfix.reduction.cut import Cutter
from graphfix.reduction.search import Budget, reduce_nodes
from graphfix.reduction.sizes import shrink_sizes

__all__ = ["Budget", "Case", "Cutter", "reduce_nodes", "shrink_sizes"]
