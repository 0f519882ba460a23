"""``nms-tail``: the end of a detector, cut off in front of suppression or made one operator."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import onnx_ir as ir

from graphfix import ops
from graphfix.contract import EQUAL, Exact, Interface, Substitution
from graphfix.errors import PassError
from graphfix.model import infer_shapes
from graphfix.rewrite import (
    Pass,
    PassContext,
    PassResult,
    Rewrite,
    Rewriter,
    Skip,
    SkipRecord,
    node_label,
)
from graphfix.rewrite.dead import (
    remove_dead_initializers,
    remove_dead_nodes,
    unread_inputs,
)
from graphfix.rewrite.rewriter import Names
from graphfix_passes._nms_reference import Limits, Part, detections
from graphfix_passes._nms_region import Region, find_region
from graphfix_passes._nms_suppression import read_suppression


class Mode(enum.Enum):
    """What takes the place of the end."""

    CUT = "cut"
    REPLACE = "replace"


_OUTPUTS = ("nmsed_boxes", "nmsed_scores", "nmsed_classes", "nmsed_num")
"""Names of the outputs of BatchMultiClassNMS, and of the model then."""


@dataclass(frozen=True, kw_only=True)
class NmsTail(Pass):
    """Cut off what a detector does from NonMaxSuppression on, or do it by BatchMultiClassNMS.

    Why
        The data decide how many boxes there are from then on, which takes the model off the AI
        Core; and each exporter writes that end differently. ATC has BatchMultiClassNMS, which makes
        a fixed number of them.

    Rewrites
        1. ``cut``: the model ends in front of the first node behind which the data decide sizes
           and which leads to NonMaxSuppression. Outputs are what the rest reads, without values
           that follow from others of them and constants.
        2. ``replace``: of one NonMaxSuppression with a score for every class, a call of
           ascend::BatchMultiClassNMS with its thresholds. Outputs are nmsed_boxes [B, total, 4],
           nmsed_scores, nmsed_classes [B, total], and nmsed_num [B], with the best of all classes
           first and zeros behind them. What came behind the suppression is left out.

        Both leave other outputs as they are, and the inputs.

    Leaves alone
        A model with convolutions or the like behind NonMaxSuppression, as two-stage detectors have
        them. With ``replace``: several of them, one in a subgraph; limits or thresholds that are
        computed or out of range, boxes by centre and size; boxes of which the data decide the
        number; one class with boxes moved apart by class. Models without NonMaxSuppression.

    Numerics
        Exact, but for the sign of zeros. ``replace`` is compared with what the NonMaxSuppression
        of the model picks. In BatchMultiClassNMS boxes without area take no part, and the lower
        corner is first; ONNX keeps the former and turns the latter. A picture with such boxes is
        compared with the definition of BatchMultiClassNMS.
    """

    name = "nms-tail"
    example = "nms-tail{mode=replace,total=100}"
    contract = Interface()
    must_match = True

    mode: Mode = Mode.CUT
    """cut: end in front of it; replace: BatchMultiClassNMS."""
    total: int = 100
    """How many boxes of each image are kept with replace."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """End ``model`` in place.

        Raises:
            PassError: ``select`` is set, or ``total`` is not positive.
        """
        if self.select is not None:
            raise PassError("all of the end goes at once; remove select=")
        if self.total < 1:
            raise PassError(f"total={self.total} is not positive")
        region = find_region(model.graph)
        if region is None:
            return PassResult(model, Exact())
        answer = _unfit(region, model.graph) or self._end(model, context, region)
        if isinstance(answer, Skip):
            label = node_label(region.suppressions[0])
            skip = SkipRecord(label, "NonMaxSuppression", answer.reason)
            return PassResult(model, Exact(), skips=(skip,))
        return answer

    def _end(self, model: ir.Model, context: PassContext, region: Region) -> PassResult | Skip:
        values = [value for node in model.graph.all_nodes() for value in node.outputs]
        stated = [(value, value.type, value.shape) for value in values]
        infer_shapes(model)
        if self.mode is Mode.CUT:
            answer = _cut(model, region)
        else:
            answer = _replace(model, context, region, self.total)
        if isinstance(answer, Skip):  # a pass that does nothing leaves no traces
            for value, type_, shape in stated:
                value.type, value.shape = type_, shape
        return answer


def _unfit(region: Region, graph: ir.Graph) -> Skip | None:
    learnt = region.learnt()
    if learnt is not None:
        return Skip(
            f"{learnt.op_type} {node_label(learnt)!r} comes behind it, so that the network does "
            "not end there"
        )
    if not any(region.makes(value) for value in graph.outputs):
        return Skip("no output depends on it")
    return None if region.given else Skip("it reads inputs of the model only")


def _cut(model: ir.Model, region: Region) -> PassResult | Skip:
    unknown = next((v for v in region.given if v.type is None or v.shape is None), None)
    if unknown is not None:
        return Skip(f"the type or rank of {unknown.name!r} is not known, an output needs both")
    return _ended(model, region, region.given)


def _replace(
    model: ir.Model, context: PassContext, region: Region, total: int
) -> PassResult | Skip:
    node = region.suppressions[0]
    rw = Rewriter(model, context)
    rw.begin(node, model.graph)
    found = read_suppression(node, region, rw)
    if isinstance(found, Skip):
        return found
    shape = rw.const([0, 0, 1, 4])
    boxes = _described(rw.op("Reshape", found.boxes, shape), found.boxes, (0, 1, None, 2))
    limits = Limits(min(found.most, total), total, found.overlap, found.score)
    new = ops.call(
        rw,
        "BatchMultiClassNMS",
        boxes,
        _classes_last(found.scores, rw),
        score_threshold=limits.score,
        iou_threshold=limits.overlap,
        max_size_per_class=limits.per_class,
        max_total_size=limits.total,
    )
    inputs = tuple(value.name or "" for value in (found.boxes, found.scores, node.outputs[0]))
    derived = []
    for part, value, name in zip(Part, new, _names(model), strict=True):
        value.name = name
        reference = partial(detections, limits=limits, part=part)
        derived.append(Substitution(inputs, value.name, reference))
    added = tuple(each.name or "" for each in rw.added)
    return _ended(model, region, new, added, tuple(derived))


def _names(model: ir.Model) -> Iterator[str]:
    """The names of the new outputs; of one that is taken, another like it."""
    names, graph = Names(model), model.graph
    values = [*graph.inputs, *(out for node in graph.all_nodes() for out in node.outputs)]
    taken = {*(value.name for value in values), *graph.initializers}
    yield from (names.fresh(name) if name in taken else name for name in _OUTPUTS)


def _classes_last(scores: ir.Value, rw: Rewriter) -> ir.Value:
    """[B, N, C] of [B, C, N]; what a Transpose was made of, if it was."""
    turn = rw.producer(scores, "Transpose")
    if turn is not None and rw.attr_ints(turn, "perm") == (0, 2, 1):
        source = turn.inputs[0]
        assert source is not None
        return source
    return _described(rw.op("Transpose", scores, perm=[0, 2, 1]), scores, (0, 2, 1))


def _described(value: ir.Value, like: ir.Value, axes: Sequence[int | None]) -> ir.Value:
    """With the type of ``like``, and its dims in another order; ``None`` stands for 1."""
    value.type = like.type
    if like.shape is not None:
        value.shape = ir.Shape([1 if axis is None else like.shape[axis] for axis in axes])
    return value


def _ended(
    model: ir.Model,
    region: Region,
    new: Sequence[ir.Value],
    added: tuple[str, ...] = (),
    derived: tuple[Substitution, ...] = (),
) -> PassResult:
    """The model with ``new`` in the place of the first output that the region makes."""
    graph = model.graph
    old = [value.name or "" for value in graph.outputs]
    outputs: dict[ir.Value, None] = {}
    for value in graph.outputs:
        outputs.update(dict.fromkeys(new) if region.makes(value) else {value: None})
    graph.outputs.clear()
    graph.outputs.extend(outputs)
    removed = tuple(node_label(node) for node in remove_dead_nodes(graph))
    remove_dead_initializers(graph)
    names = [value.name or "" for value in outputs]
    made = {place.output for place in derived}
    contract = Interface(
        outputs={name: name for name in names if name not in made},
        inputs={value.name or "": value.name or "" for value in graph.inputs},
        base=EQUAL if derived else Exact(),
        derived=derived,
    )
    ended = Rewrite(
        node=node_label(region.suppressions[0]),
        op_type=region.suppressions[0].op_type,
        inputs=(),
        outputs=(),
        added=added,
        removed=removed,
        note=f"outputs were {', '.join(old)}, and are {', '.join(names)}",
    )
    unread = [value.name or "" for value in unread_inputs(graph)]
    notes = (f"inputs that nothing reads any more: {', '.join(unread)}",) if unread else ()
    return PassResult(model, contract, (ended,), notes=notes)
