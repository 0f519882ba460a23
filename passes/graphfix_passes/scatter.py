"""The ``scatter`` pass: scatters whose indices are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import EQUAL, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._boxes import Box, assigned, read_box, selected, transposed
from graphfix_passes._permutations import composed, is_identity, order_of

_OPERATORS: Final = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}
"""What a reduction does with the old and the new elements."""


@dataclass(frozen=True, kw_only=True)
class Scatter(RewritePass):
    """Write what a scatter with known indices does by Slices, Gathers and a Concat.

    Why
        Exporters write ``x[:, a:b] = y`` as ScatterND or ScatterElements. As of 2022 the AI Core
        had no ScatterElements, and ScatterND for few types only. ATC does not read the reduction of
        a ScatterND up to CANN 9.1, and overwrites.

    Rewrites
        1. ScatterND, ScatterElements and Scatter whose indices are those of a box, some elements of
           each axis in all combinations: to Slices around the update and a Concat, where the
           elements lie side by side; to a Concat and a Gather along other axes. An axis of unknown
           size is fine where it is written throughout. Transposes around, as newer exporters of
           torch have them, go.
        2. A reduction of such: the old elements are cut out and combined with the new ones before.
        3. A ScatterND with a reduction and other constant indices, all different: to GatherND, the
           operator, and a ScatterND without reduction.

    Leaves alone
        Indices that are computed from more than sizes. Indices that are there twice: which one
        counts is not defined, and a reduction counts both. Constant indices that are no box,
        without a reduction. An axis of unknown size that is not written throughout.

    Numerics
        Exact, but for ``max`` and ``min`` of floats: of 0.0 and -0.0 either counts as the larger
        one. Max and Min keep a NaN, as ONNX says; onnxruntime's scatters drop one in the updates.
    """

    name = "scatter"
    match_ops = ("Scatter", "ScatterElements", "ScatterND")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
        """Write the box anew, or reduce in front of the node."""
        reduction, data = rw.attr_str(node, "reduction", "none"), node.inputs[0]
        assert data is not None
        if reduction not in ("none", *_OPERATORS):
            return rw.skip(f"its reduction is {reduction!r}, which ONNX does not have")
        if reduction in ("max", "min"):
            rw.promise(EQUAL)
        box = read_box(node, rw)
        if isinstance(box, Skip):
            if reduction == "none" or node.op_type != "ScatterND":
                return box
            return _reduced_in_front(node, _OPERATORS[reduction], box, rw)
        data, box, target = _without_transposes(node, data, box, rw)
        if reduction != "none":
            new = rw.op(_OPERATORS[reduction], selected(data, box, rw), box.update)
            box = replace(box, update=new)
        shape = rw.facts.dims(data)
        assert shape is not None, "a box has as many axes as the data"
        return {target: assigned(data, box, shape, rw)}

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact, unless a maximum or minimum was among them."""
        return next((each.contract for each in rewrites if each.contract), self.contract)


def _without_transposes(
    node: ir.Node, data: ir.Value, box: Box, rw: Rewriter
) -> tuple[ir.Value, Box, ir.Value]:
    """The data, the box and the result in front of and behind Transposes that undo each other."""
    before, behind = rw.producer(data, "Transpose"), rw.only_reader(node.outputs[0], "Transpose")
    if before is None or behind is None or not is_identity(composed(before, behind, rw)):
        return data, box, node.outputs[0]
    source, order = before.inputs[0], order_of(behind, rw)
    if source is None or order is None:
        return data, box, node.outputs[0]
    return source, transposed(box, order, rw), behind.outputs[0]


def _reduced_in_front(
    node: ir.Node, op_type: str, no_box: Skip, rw: Rewriter
) -> Mapping[ir.Value, ir.Value] | Skip:
    """Combine with what the data have there, and let the node overwrite."""
    data, indices, update = node.inputs
    array, shape = rw.constant(indices), rw.dims(data)
    if array is None or shape is None or array.ndim == 0:
        return no_box
    rows = array.reshape(-1, array.shape[-1])
    sizes = shape[: array.shape[-1]]
    if array.size and array.min() < 0:
        if None in sizes:
            return rw.skip("an index counts from the end of an axis whose size is not known")
        rows = np.where(rows < 0, rows + np.array(sizes), rows)
    if len(np.unique(rows, axis=0)) < len(rows):
        return rw.skip("an index is there twice")
    new = rw.op(op_type, rw.op("GatherND", data, indices), update)
    (result,) = rw.restate(node, [data, indices, new], drop=("reduction",))
    return {node.outputs[0]: result}
