"""Where two models start to differ: the first tensor that both have and that is not the same."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import node_label
from graphfix.verify.compare import OutputComparison, compare
from graphfix.verify.evaluate import evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import Tolerance

CHUNK = 256
"""Values exposed at a time, so that the activations of a large model are not all held at once."""


def first_diverging(
    before: ir.Model,
    after: ir.Model,
    feeds: tuple[FeedSet, FeedSet],
    allowed: Callable[[np.dtype], Tolerance],
) -> str:
    """The first value, in the order of ``before``, that both models have under one name and that
    differs beyond ``allowed``; with the node that makes it. Empty when there is none.

    ``feeds`` are the feeds of the model before and of the model after. Only a hint: a pass may
    give a name to another value.
    """
    ours = {out.name for node in after.graph for out in node.outputs if out.name}
    makers = {out.name: node for node in before.graph for out in node.outputs if out.name in ours}
    names = [name for name in makers if name]
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        found = _first(before, after, feeds, chunk, allowed)
        if found is not None:
            node = makers[found.output]
            return f"{found.output!r} ({node.op_type} {node_label(node)!r}): {found.why}"
    return ""


def _first(
    before: ir.Model,
    after: ir.Model,
    feeds: tuple[FeedSet, FeedSet],
    names: Sequence[str],
    allowed: Callable[[np.dtype], Tolerance],
) -> OutputComparison | None:
    (left,) = evaluate(before, (feeds[0],), extra=names).runs
    (right,) = evaluate(after, (feeds[1],), extra=names).runs
    if left is None or right is None:
        return None
    for name in names:
        dtype = getattr(left[name], "dtype", np.dtype(np.float32))
        found = compare(name, left[name], right[name], allowed(dtype))
        if not found.passed:
            return found
    return None
