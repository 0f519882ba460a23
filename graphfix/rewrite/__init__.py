"""Writing passes: the pass types, the rewriter, patterns and selectors."""

from graphfix.rewrite.base import Pass, PassContext, Target
from graphfix.rewrite.constants import constant_array, constant_tensor
from graphfix.rewrite.graphsurgeon import GraphSurgeonPass
from graphfix.rewrite.pattern import Op, Operand, Pattern
from graphfix.rewrite.records import PassResult, Rewrite, Skip, SkipRecord
from graphfix.rewrite.rewrite_pass import Replacement, RewritePass, scopes
from graphfix.rewrite.rewriter import Rewriter, node_label
from graphfix.rewrite.select import Expect, Selector, select_values

__all__ = [
    "Expect",
    "GraphSurgeonPass",
    "Op",
    "Operand",
    "Pass",
    "PassContext",
    "PassResult",
    "Pattern",
    "Replacement",
    "Rewrite",
    "RewritePass",
    "Rewriter",
    "Selector",
    "Skip",
    "SkipRecord",
    "Target",
    "constant_array",
    "constant_tensor",
    "node_label",
    "scopes",
    "select_values",
]
