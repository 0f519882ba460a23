"""The ``reshape-merge`` pass: operators in a row that only give the same numbers other dims."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.symbolic import Number, is_positive
from graphfix_passes._permutations import order_of

_ROW = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
_SHAPE_IS_INPUT_SINCE = 5


@dataclass(frozen=True, kw_only=True)
class ReshapeMerge(RewritePass):
    """Merge Reshape, Flatten, Squeeze and Unsqueeze in a row into one Reshape.

    Why
        Exporters write a view of a view, and a Transpose where an axis has one element; each is a
        node of its own on the device, the Transpose a pass through memory.

    Rewrites
        1. Two of these operators in a row: one Reshape of the first's input, or nothing when its
           dims are those of the result. The first one stays for its other readers.
        2. A Transpose that only moves axes of one element is one of these operators, too, and
           becomes a Reshape where it stands alone.

        Sizes that depend on the inputs are 0 in the Reshape where the input has them on the same
        axis, and one of them may be -1.

    Leaves alone
        Dims of which more than one depends on the inputs otherwise, or one, beside another that the
        data may make 0. Tensors with an axis that has no elements. Models below opset 5, where a
        Reshape has its shape in an attribute.
    """

    name = "reshape-merge"
    match_ops = (*_ROW, "Transpose")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Let the node do the work of the one before, too."""
        if rw.opset < _SHAPE_IS_INPUT_SINCE or not _only_reshapes(node, rw):
            return None
        first = self._before(node, rw)
        if first is None and node.op_type != "Transpose":
            return None
        source, result = (first or node).inputs[0], node.outputs[0]
        made, given = rw.facts.dims(result), rw.facts.dims(source)
        if source is None or made is None or given is None:
            return rw.skip("its dims are not known")
        if not _fits(made, given):
            sizes = ", ".join(map(str, made))
            return rw.skip(
                f"[{sizes}] has an empty axis, or several sizes that depend on the inputs"
            )
        # What it read through a view that is left alone may be a view as well.
        while first is not None and (first := self._before(first, rw)) is not None:
            dims = rw.facts.dims(first.inputs[0])
            if dims is None or not _fits(made, dims):
                break
            source, given = first.inputs[0], dims
        if made == given and not result.is_graph_output():
            return source
        return rw.op("Reshape", source, rw.const(_shape(made, given)))

    def _before(self, node: ir.Node, rw: Rewriter) -> ir.Node | None:
        first = rw.producer(node.inputs[0], *self.match_ops)
        return first if first is not None and _only_reshapes(first, rw) else None


def _fits(made: Sequence[Number], given: Sequence[Number]) -> bool:
    """Whether one Reshape makes these dims of those, also when some turn out 0."""
    shape = _shape(made, given)
    if 0 in (*made, *given) or shape.count(-1) > 1:
        return False
    # Beside -1 no other size may be 0, which would leave nothing to divide by.
    others = (size for number, size in zip(shape, made, strict=True) if number != -1)
    return -1 not in shape or all(map(is_positive, others))


def _only_reshapes(node: ir.Node, rw: Rewriter) -> bool:
    if node.op_type != "Transpose":
        return True
    order, sizes = order_of(node, rw), rw.facts.dims(node.inputs[0])
    if order is None or sizes is None:
        return False
    moved = [axis for axis in order if sizes[axis] != 1]
    return moved == sorted(moved)


def _shape(made: Sequence[Number], given: Sequence[Number]) -> list[int]:
    """What a Reshape takes; -1 for each size that is neither known nor copied."""
    return [
        int(size) if isinstance(size, int) else 0 if size == own else -1
        for size, own in zip(made, [*given, *[None] * len(made)], strict=False)
    ]
