"""Parts of what a Reshape and a Transpose have made, split in front of both."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix_passes._known import dims
from graphfix_passes._parts import split
from graphfix_passes._permutations import is_identity, order_of


@dataclass(frozen=True)
class InFront:
    """Where to split ``source`` so that ``count`` equal parts are those of a later axis."""

    source: ir.Value
    axis: int
    size: int
    """Of the axis of ``source``."""
    count: int
    reshape: ir.Node
    shape: tuple[int, ...]
    """What each part is reshaped to."""
    order: tuple[int, ...]
    """How the dims of each part are transposed after that."""

    def parts(self, rw: Rewriter) -> Sequence[ir.Value]:
        """The parts, without the axis that told them apart."""
        sizes = [self.size // self.count] * self.count
        made = []
        for part in split(rw, self.source, sizes, self.axis):
            value = rw.copy(self.reshape, part, rw.const(self.shape))
            made.append(
                value if is_identity(self.order) else rw.op("Transpose", value, perm=self.order)
            )
        return made


def find_in_front(
    data: ir.Value, axis: int, readers: Collection[ir.Node], rw: Rewriter
) -> InFront | None:
    """Where to split instead of along ``axis`` of ``data``, if only ``readers`` read ``data``.

    Memory order makes it possible: the dims from the new axis on are as many elements as the dims
    from the old axis on, so that both cut this block into the same equal runs.
    """
    if data.is_graph_output() or any(use.node not in readers for use in data.uses()):
        return None
    graph = next(iter(readers)).graph
    viewed, order, transpose = (
        data,
        tuple(range(rw.rank(data) or 0)),
        rw.producer(data, "Transpose"),
    )
    if transpose is not None and transpose.inputs[0] is not None:
        viewed, order = transpose.inputs[0], tuple(order_of(transpose, rw) or ())
        if rw.only_reader(viewed) is not transpose or transpose.graph is not graph:
            return None
    reshape = rw.producer(viewed, "Reshape")
    if reshape is None or reshape.graph is not graph or axis >= len(order):
        return None
    source, shape = reshape.inputs[0], rw.param_ints(reshape, "shape", 1)
    given, made, old = dims(source), dims(viewed), order[axis]
    if source is None or given is None or made is None or shape is None:
        return None
    count, block = made[old], _elements(made[old:])
    if not isinstance(count, int) or block is None or rw.opset < 5:
        return None
    for new in reversed(range(len(given))):
        size = given[new]
        fits = isinstance(size, int) and size > count and size % count == 0
        if fits and _elements(given[new:]) == block and 0 not in shape[new:]:
            assert isinstance(size, int)
            rest = tuple(k - (k > old) for k in order if k != old)
            return InFront(source, new, size, count, reshape, shape[:old] + shape[old + 1 :], rest)
    return None


def _elements(sizes: Sequence[object]) -> int | None:
    known = [size for size in sizes if isinstance(size, int)]
    return prod(known) if len(known) == len(sizes) else None
