"""The ``loop-unroll`` pass: loops that always run the same number of times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._axes import unsqueezed
from graphfix_passes._known import fixed


@dataclass(frozen=True, kw_only=True)
class LoopUnroll(RewritePass):
    """Replace a Loop that always runs the same number of times by copies of its body.

    Why
        ATC knows no Loop.

    Rewrites
        The number of times is a constant, or follows from the sizes of tensors, and the body never
        ends the loop. Each time gets its copy; what the body collects is joined by Concat. Loops
        inside the body are unrolled, too.

    Leaves alone
        A number of times that the data or an open size decide, or that is not given. A condition
        that is computed in the body. A loop that runs no time and collects something, whose shape
        nobody knows. Copies with more nodes than ``limit`` together.
    """

    name = "loop-unroll"
    match_ops = ("Loop",)
    contract = Exact()
    must_match = False
    reads_shapes = True

    limit: int = 2000
    """How many nodes the copies of one body may have together."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Run until nothing changes: a body may hold a loop, or tell sizes that decide one."""
        return self.run_again(model, context, lambda last: bool(last.rewrites))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip:
        """Put the copies one after the other."""
        body, states = node.attributes["body"].as_graph(), [*node.inputs[2:]]
        times = fixed(node.inputs[0], rw)
        if times is None:
            return rw.skip("how often it runs depends on the data, or on a size that is not fixed")
        starts = fixed(node.inputs[1], rw) if node.inputs[1] is not None else True
        if starts is None or (starts and not _goes_on(body, rw)):
            return rw.skip("its condition is computed")
        times = max(int(times), 0) if starts else 0
        collected: list[list[ir.Value]] = [[] for _ in body.outputs[1 + len(states) :]]
        if not times and collected:
            return rw.skip("it runs no time, and the shape of what it collects is not known")
        size = times * sum(1 for _ in body.all_nodes())
        if size > self.limit:
            return rw.skip(f"the copies would have {size} nodes, more than limit={self.limit}")
        rw.hoist(body)
        for time in range(times):
            given = [rw.const(np.array(time, np.int64)), rw.const(np.array(True)), *states]
            copy = body.clone(allow_outer_scope_values=True)
            results = rw.adopt(copy, [value for value in given if value is not None])[1:]
            states = list(results[: len(states)])
            for parts, value in zip(collected, results[len(states) :], strict=True):
                parts.append(value)
        joined = [
            rw.op("Concat", *(unsqueezed(rw, part, [0]) for part in parts), axis=0)
            for parts in collected
        ]
        return [
            value if output.uses() or output.is_graph_output() else None
            for output, value in zip(node.outputs, (*states, *joined), strict=True)
        ]


def _goes_on(body: ir.Graph, rw: Rewriter) -> bool:
    """Whether the condition that the body returns is the one it was given, or true."""
    value: ir.Value | None = body.outputs[0]
    while (maker := rw.producer(value, "Identity", "Cast")) is not None:
        value = maker.inputs[0]
    return value is body.inputs[1] or rw.scalar(value) is True
