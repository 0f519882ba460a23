"""The ``rnn-split`` pass: both directions of a recurrent layer as layers of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes import _rnn
from graphfix_passes._rnn import Activation

_BY_DIRECTION = ("direction", "activations", "activation_alpha", "activation_beta")


@dataclass(frozen=True, kw_only=True)
class RnnSplit(RewritePass):
    """Split a bidirectional LSTM, GRU or RNN into one that runs forward and one in reverse.

    Why
        Scripts of Ascend's ModelZoo split bidirectional layers by hand. Each half can then be
        turned (``rnn-reverse``) or unrolled (``rnn-unroll``) alone.

    Rewrites
        Weights, biases, peepholes, initial states and activations go to the half they are for, the
        lengths to both; constants are cut, the others get a Slice. Concat joins the outputs that
        something reads, in either layout.

    Leaves alone
        Weights for one direction. A number of activations that does not fit, and activations that
        ONNX has not.
    """

    name = "rnn-split"
    match_ops = _rnn.OPERATORS
    contract = Exact()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Make both halves and join their outputs."""
        directions = _rnn.directions(node, rw)
        if isinstance(directions, Skip):
            return directions
        if len(directions) == 1:
            return None
        activations = _rnn.activations(node, 2, rw)
        if isinstance(activations, Skip):
            return activations
        read = _rnn.outputs_read(node)
        if not any(read):
            return None
        layout = rw.attr_int(node, "layout", 0)
        inputs = zip(*_inputs(node, layout, rw), strict=True)
        ahead, back = (
            _attributes(node, direction, each)
            for direction, each in zip(directions, activations, strict=True)
        )
        count = len(read) - read[::-1].index(True)
        first = rw.restate(node, next(inputs), outputs=count, drop=_BY_DIRECTION, attributes=ahead)
        kept = {k: v for k, v in node.attributes.items() if k not in _BY_DIRECTION}
        second = rw.ops(
            node.op_type, *next(inputs), outputs=count, domain=node.domain, **{**kept, **back}
        )
        joined: list[ir.Value | None] = [None] * len(read)
        for index, parts in enumerate(zip(first, second, strict=True)):
            if read[index]:
                # Y is [steps, directions, batch, hidden] or [batch, steps, directions, hidden], the
                # last states are [directions, batch, hidden] or [batch, directions, hidden].
                joined[index] = rw.op("Concat", *parts, axis=layout + (index == 0))
        return joined


def _inputs(
    node: ir.Node, layout: int, rw: Rewriter
) -> Sequence[tuple[ir.Value | None, ir.Value | None]]:
    """The inputs of both halves, pair by pair."""
    pairs = []
    for port, value in enumerate(node.inputs):
        if port in (_rnn.X, _rnn.LENGTHS):
            pairs.append((value, value))
        else:
            axis = layout if port in (_rnn.INITIAL_H, _rnn.INITIAL_C) else 0
            pairs.append((_rnn.share(value, axis, 0, rw), _rnn.share(value, axis, 1, rw)))
    return pairs


def _attributes(
    node: ir.Node, direction: str, activations: Sequence[Activation]
) -> dict[str, AttrValue]:
    """What only one half has; activations are named where they were."""
    attributes: dict[str, AttrValue] = {"direction": direction}
    if "activations" in node.attributes:
        attributes["activations"] = [each.name for each in activations]
        alphas = [each.alpha for each in activations if each.alpha is not None]
        betas = [each.beta for each in activations if each.beta is not None]
        for name, numbers in (("activation_alpha", alphas), ("activation_beta", betas)):
            if numbers:
                attributes[name] = numbers
    return attributes
