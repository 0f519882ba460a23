"""What is written to the elements under a mask, as a tensor of all elements."""

from typing import Final

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip

_EQUAL: Final = frozenset(
    {
        "Abs", "Add", "Cast", "Ceil", "Clip", "Div", "Floor", "Identity", "LeakyRelu", "Max", "Min",
        "Mul", "Neg", "Relu", "Sign", "Sub",
    }
)  # fmt: skip
"""Of each element alone, rounded once or not at all: the same wherever it stands."""

_CLOSE: Final = frozenset(
    {
        "Cos", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Log", "Mish", "Pow",
        "Reciprocal", "Selu", "Sigmoid", "Sin", "Softplus", "Sqrt", "Tanh",
    }
)  # fmt: skip
"""Of each element alone, but a kernel may compute the rest of a vector by other means."""

_MOVES: Final = ("Expand", "Identity", "Reshape", "Slice")
"""Exporters put them behind, to give the update the shape that it has."""

_MOST_NODES: Final = 64
"""Longer expressions are not followed."""


def mask_of(indices: ir.Value | None, rw: Rewriter) -> ir.Value | None:
    """The mask whose elements that are not zero the tuples of indices name, in their order."""
    turned = rw.producer(indices, "Transpose")
    found = rw.producer(turned.inputs[0], "NonZero") if turned is not None else None
    if turned is None or found is None or rw.attr_ints(turned, "perm") not in (None, (1, 0)):
        return None
    return found.inputs[0]


class Unmasked:
    """Rebuilds on whole tensors what is computed of their elements under a mask.

    ``data`` is what is written to; whatever is read under the mask must have its shape. The mask
    has the first ``axes`` of its axes.
    """

    def __init__(self, mask: ir.Value, data: ir.Value, axes: int, rw: Rewriter) -> None:
        self.exact = True
        """Whether the numbers are the same bit by bit."""
        self._mask, self._rw = mask, rw
        self._dims = rw.facts.dims(data) or ()
        self._row = (1, *self._dims[axes:])
        self._done: dict[ir.Value, ir.Value | None] = {}

    def update(self, value: ir.Value) -> ir.Value | Skip:
        """An update with a row for each element under the mask, for all elements.

        The shape of an update follows from the mask. So nodes that give it a shape can be left out
        when they are known to keep the shape, and one more that is not.
        """
        rw, sure = self._rw, True
        while (node := rw.producer(value, *_MOVES)) is not None:
            source = node.inputs[0]
            assert source is not None
            if self._is_single(source):
                plain = len(rw.facts.dims(source) or ()) <= 1
                return source if plain else rw.op("Reshape", source, rw.const([1]))
            if node.op_type == "Expand" and sure and self._fits_all_rows(source):
                return source
            if not _keeps_order(node, rw):
                break
            dims = rw.facts.dims(source)
            if dims is None or dims != rw.facts.dims(value):
                if not sure:
                    break
                sure = False
            value = source
        found = self._whole(value)
        if found is not None:
            return found
        return rw.skip("what it writes is not computed of elements in the same places")

    def _is_single(self, value: ir.Value) -> bool:
        dims = self._rw.facts.dims(value)
        return dims is not None and all(size == 1 for size in dims)

    def _fits_all_rows(self, value: ir.Value) -> bool:
        """Whether every row gets the same from the value, and keeps its shape."""
        dims = self._rw.facts.dims(value)
        if dims is None or len(dims) > len(self._row):
            return False
        behind = self._row[len(self._row) - len(dims) :]
        return all(size in (1, own) for size, own in zip(dims, behind, strict=True))

    def _whole(self, value: ir.Value | None) -> ir.Value | None:
        """The value for all elements; ``None`` when it is made of anything else."""
        if value is None:
            return None
        if value not in self._done:
            self._done[value] = None if len(self._done) > _MOST_NODES else self._found(value)
        return self._done[value]

    def _found(self, value: ir.Value) -> ir.Value | None:
        rw = self._rw
        if self._fits_all_rows(value):
            return value
        node = rw.producer(value)
        if node is None:
            return None
        if node.op_type == "GatherND":
            source, indices = node.inputs
            same = mask_of(indices, rw) is self._mask and rw.facts.dims(source) == self._dims
            return source if same and not rw.attr_int(node, "batch_dims", 0) else None
        if node.op_type not in _EQUAL | _CLOSE or len(node.outputs) != 1:
            return None
        if node.op_type == "Div" and (value.dtype is None or value.dtype.is_integer()):
            return None  # elsewhere the divisor may be 0, which stops the program
        inputs = [self._whole(each) for each in node.inputs]
        if any(
            new is None and old is not None for new, old in zip(inputs, node.inputs, strict=True)
        ):
            return None
        self.exact &= node.op_type in _EQUAL
        return rw.copy(node, *inputs)


def _keeps_order(node: ir.Node, rw: Rewriter) -> bool:
    """Whether the node, when its result has the shape of its input, does nothing."""
    steps = rw.input(node, 4)
    return node.op_type != "Slice" or steps is None or min(rw.ints(steps) or (-1,)) > 0
