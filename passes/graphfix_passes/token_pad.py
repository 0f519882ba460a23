"""The ``token-pad`` pass: as many tokens as the matrix unit likes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._rows import OPERATORS, judged_as_a_whole
from graphfix_passes._slices import sliced
from graphfix_passes._tokens import Axes, TokenNode, Tokens, follow, padded_shape, tokens_of


@dataclass(frozen=True, kw_only=True)
class TokenPad(RewritePass):
    """Pad the tokens of a transformer to a multiple, and cut them off at its end.

    Why
        The matrix unit of an Ascend NPU works on blocks of 16; 197 tokens of a vision transformer
        leave the last block of each product nearly empty, and tensors that end within a block cost
        copies. Scripts that port ViT, DeiT and BEiT pad 197 tokens to 208. Two of the four do not
        mask the new ones, which were measured to move the result by some per cent.

    Rewrites
        1. What goes into the first LayerNormalization or product gets copies of its last token. All
           that follows does the same to them as to the last token, and stays finite with it.
        2. Scores of the new tokens become minus infinity in front of the Softmax, so that their
           weights are 0. Masks and other tensors that belong to the tokens are padded likewise.
        3. The shapes that Reshapes ask for get the new number, and what leaves the transformer is
           cut to the old one.

    Leaves alone
        A number of tokens that is open, or a multiple. Tokens that come back from a node that is
        not understood, such as a convolution. Values of a Reshape that mixes the axis of tokens
        with others, as behind ``attention-2d``, are cut in front of it. Computed shapes, which
        ``fold-shapes`` makes constant.

    Numerics
        The sums get terms that are 0, in another order. Infinities times these are NaN.
    """

    name = "token-pad"
    match_ops = tuple(
        sorted(
            {
                *OPERATORS, "Gather", "IsNaN", "Reshape", "Slice", "Softmax", "Split", "Squeeze",
                "Transpose", "Unsqueeze", "Where",
            }
        )
    )  # fmt: skip
    reads_shapes = True

    multiple: int = 16
    """What the number of tokens becomes a multiple of."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: ``multiple`` is less than 2.
        """
        if self.multiple < 2:
            raise PassError(f"multiple={self.multiple} must be at least 2")
        return judged_as_a_whole(super().run(model, context))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Let the node work on more tokens, with the old ones behind it for other readers."""
        tokens = self._tokens(node, rw)
        found = tokens.nodes.get(node)
        if found is None or tokens.refusal:
            return self._why_not(node, tokens, rw)
        made = self._padded(found, rw)
        backs: list[ir.Value | None] = [None] * len(node.outputs)
        for port, value in enumerate(made):
            backs[port] = back = _cut(value, found, rw)
            rw.memory[back, found.made] = value
        return backs

    def _tokens(self, node: ir.Node, rw: Rewriter) -> Tokens:
        """What was known of the graph before anything changed."""
        graph = node.graph
        assert graph is not None
        known = rw.memory.get(graph)
        if not isinstance(known, Tokens):
            rw.memory[graph] = known = follow(graph, self.multiple, rw)
        return known

    def _why_not(self, node: ir.Node, tokens: Tokens, rw: Rewriter) -> Skip | None:
        size = tokens_of(node, rw)
        if size is None:
            return None
        if not isinstance(size, int):
            return rw.skip("the number of tokens is open")
        if size % self.multiple == 0:
            return rw.satisfied(f"{size} tokens are a multiple of {self.multiple}")
        return rw.skip(tokens.refusal)

    def _padded(self, found: TokenNode, rw: Rewriter) -> Sequence[ir.Value]:
        """The node on padded tokens."""
        node, inputs = found.node, list(found.node.inputs)
        new = -(-found.size // self.multiple) * self.multiple
        for port, axes in found.ports.items():
            inputs[port] = _more(node.inputs[port], axes, found.size, new, rw)
        scores = inputs[0]
        if node.op_type == "Softmax" and found.weights:
            assert scores is not None
            assert node.inputs[0] is not None
            assert node.inputs[0].dtype is not None
            hidden = rw.const(np.array(-np.inf).astype(node.inputs[0].dtype.numpy()))
            inputs[0] = rw.op("Where", rw.const(np.arange(new) < found.size), scores, hidden)
        if node.op_type == "Reshape":
            asked = rw.ints(node.inputs[1])
            assert asked is not None
            inputs[1] = rw.const(padded_shape(found, asked, new))
        outputs = len(node.outputs) if node.op_type == "Split" else 1
        return rw.restate(node, inputs, outputs=outputs)


def _more(value: ir.Value | None, axes: Axes, old: int, new: int, rw: Rewriter) -> ir.Value:
    """``value`` with copies of the last of ``old`` tokens behind them."""
    assert value is not None
    known: ir.Value | None = rw.memory.get((value, axes))
    if known is not None and (known.is_initializer() or not _gone(known)):
        return known
    indices = np.minimum(np.arange(new), old - 1)
    array, more = rw.constant(value), value
    for axis in sorted(axes):
        array = None if array is None else array.take(indices, axis)
        if array is None:
            more = rw.op("Gather", more, rw.const(indices), axis=axis)
    rw.memory[value, axes] = more = more if array is None else rw.const(array)
    return more


def _gone(value: ir.Value) -> bool:
    maker = value.producer()
    return maker is None or maker.graph is None


def _cut(value: ir.Value, found: TokenNode, rw: Rewriter) -> ir.Value:
    """The old tokens."""
    for axis in sorted(found.made):
        value = sliced(rw, value, axis, 0, found.size)
    return value
