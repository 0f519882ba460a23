"""Where two models start to differ: the first tensor that both have and that is not the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import node_label
from graphfix.verify.compare import OutputComparison, compare
from graphfix.verify.dtypes import dtype_of
from graphfix.verify.evaluate import evaluate
from graphfix.verify.feeds import FeedSet
from graphfix.verify.tolerance import Tolerance

Allowed = Callable[[np.dtype[Any]], Tolerance]

CHUNK = 256
"""Values exposed at a time, so that the activations of a large model are not all held at once."""


def first_diverging(
    before: ir.Model,
    after: ir.Model,
    feeds: tuple[FeedSet, FeedSet],
    allowed: Allowed,
) -> str:
    """The value that both models have, and that differs although what it is made from does not.

    One sentence with its numbers and the node that makes it; empty when there is none. ``feeds``
    are the feeds of the model before and of the model after. Only a hint: values are known by their
    names, and a pass may give a name to another value.
    """
    ours = {out.name for node in after.graph for out in node.outputs if out.name}
    makers = {
        out.name: node
        for node in before.graph
        for out in node.outputs
        if out.name and out.name in ours
    }
    names = list(makers)
    differs: dict[str, OutputComparison] = {}
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        differs.update(_differing(before, after, feeds, chunk, allowed))
    origin = _origin(differs, makers, [value.name or "" for value in before.graph.outputs])
    if not origin:
        return ""
    node = makers[origin]
    return f"{differs[origin].why} (made by {node.op_type} {node_label(node)!r})"


def _differing(
    before: ir.Model,
    after: ir.Model,
    feeds: tuple[FeedSet, FeedSet],
    names: Sequence[str],
    allowed: Allowed,
) -> dict[str, OutputComparison]:
    (left,) = evaluate(before, (feeds[0],), extra=names).runs
    (right,) = evaluate(after, (feeds[1],), extra=names).runs
    if left is None or right is None:
        return {}
    found = (compare(n, left[n], right[n], allowed(dtype_of(left[n]))) for n in names)
    return {comparison.output: comparison for comparison in found if not comparison.passed}


def _origin(
    differs: Mapping[str, OutputComparison],
    makers: Mapping[str, ir.Node],
    outputs: Sequence[str],
) -> str:
    """Go up from a wrong output as long as a nearest value that both models have is wrong too.

    A value that differs while everything made from it agrees has merely lent its name to another.
    """
    wrong = next((name for name in outputs if name in differs), "")
    seen: set[str] = set()
    while wrong and wrong not in seen:
        seen.add(wrong)
        above = [name for name in _nearest(makers[wrong], makers) if name in differs]
        if not above:
            return wrong
        wrong = above[0]
    return wrong


def _nearest(node: ir.Node, makers: Mapping[str, ir.Node]) -> list[str]:
    """The values above ``node`` that both models have, passing through those they have not."""
    found: list[str] = []
    queue = [value for value in node.inputs if value is not None]
    seen: set[int] = set()
    while queue:
        value = queue.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        producer = value.producer()
        if value.name and value.name in makers:
            found.append(value.name)
        elif producer is not None:
            queue += [above for above in producer.inputs if above is not None]
    return found
