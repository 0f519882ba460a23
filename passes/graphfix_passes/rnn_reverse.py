"""The ``rnn-reverse`` pass: sequences that are turned round for a recurrent layer."""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.symbolic import Size
from graphfix_passes import _rnn
from graphfix_passes._known import Dim, dims, rank
from graphfix_passes._permutations import order_of
from graphfix_passes._slices import cuts

_MOVES = ("Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""What may stand between the layer and the Slices."""
_DEEPEST = 8
_STEPS_SINCE = 10
"""The opset in which Slice got steps."""
_BEYOND = int(np.iinfo(np.int32).min)
"""In front of every first element, and no trouble for compilers that compute sizes in int32."""
_FARTHEST = 2**31 - 2
"""Limits beyond this on either side are outside of every axis."""


class Mode(enum.Enum):
    """What turns the sequences round."""

    REVERSE = "reverse"
    SLICE = "slice"


@dataclass(frozen=True, kw_only=True)
class RnnReverse(RewritePass):
    """Let the direction of LSTM, GRU and RNN turn a sequence round, or Slices (mode=slice).

    Why
        Models turn a sequence round by a Slice of step -1 in front of a layer and another one
        behind it. ATC's kernel for such a Slice runs on the CPU of the device, while it reads the
        direction of LSTM and GRU.

    Rewrites
        1. ``reverse``: Slice, layer, Slice along the axis of time become one layer of the other
           direction, which starts from the same state and ends in the same one. Transpose, Squeeze,
           Unsqueeze and Reshape may stand in between.
        2. ``slice``: a layer with direction=reverse becomes a forward one between two Slices.

    Leaves alone
        Lengths that may be shorter than the data, as ``direction`` turns each row only as far as it
        goes. Results that something reads in the order of the turned sequence. Slices that cut
        something off. A bidirectional layer, which ``rnn-split`` makes two of.
    """

    name = "rnn-reverse"
    match_ops = _rnn.OPERATORS
    contract = Exact()
    reads_shapes = True

    mode: Mode = Mode.REVERSE
    """reverse: from Slices to the attribute; slice: from the attribute to Slices."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Give the layer the other direction."""
        if not any(_rnn.outputs_read(node)):
            return None
        if self.mode is Mode.SLICE:
            return _by_slices(node, rw)
        return _by_direction(node, rw)


def _by_direction(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
    """The layer without the Slices around it."""
    time, reads = rw.attr_int(node, "layout", 0), _rnn.outputs_read(node)
    before = _turned(node.inputs[_rnn.X], time, rw)
    if before is None or isinstance(before, Skip):
        return before
    if (why := _unsuitable(node, rw)) is not None:
        return why
    ends = list(_turned_back(node.outputs[0], time, (), rw)) if reads[0] else []
    if None in ends:
        return rw.skip("Y is read in the order of the turned sequence")
    data = _moved(*before, rw)
    results = _other_direction(node, data, rw)
    replaced = {end[0]: _moved(results[0], end[1], rw) for end in ends if end is not None}
    replaced.update((node.outputs[k], results[k]) for k in range(1, len(reads)) if reads[k])
    return replaced


def _by_slices(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
    """A forward layer between two Slices."""
    if _rnn.direction_of(node, rw) == _rnn.FORWARD:
        return None
    if (why := _unsuitable(node, rw)) is not None:
        return why
    if rw.opset < _STEPS_SINCE:
        return rw.skip(f"Slice has no steps before opset {_STEPS_SINCE}")
    time, reads, data = rw.attr_int(node, "layout", 0), _rnn.outputs_read(node), node.inputs[_rnn.X]
    assert data is not None
    results = list(_other_direction(node, _flipped(data, time, rw), rw))
    if reads[0]:
        results[0] = _flipped(results[0], time, rw)
    return {node.outputs[k]: results[k] for k in range(len(reads)) if reads[k]}


def _unsuitable(node: ir.Node, rw: Rewriter) -> Skip | None:
    """Why turning the whole sequence is not what ``direction`` does."""
    directions = _rnn.directions(node, rw)
    if isinstance(directions, Skip):
        return directions
    if len(directions) > 1:
        return rw.skip("it is bidirectional; rnn-split makes two layers of it")
    lengths = rw.input(node, _rnn.LENGTHS)
    if lengths is not None and not _rnn.is_full(lengths, node, rw):
        return rw.skip("its lengths may be shorter than the data")
    return None


def _other_direction(node: ir.Node, data: ir.Value, rw: Rewriter) -> Sequence[ir.Value]:
    forward = _rnn.direction_of(node, rw) == _rnn.FORWARD
    direction = _rnn.REVERSE if forward else _rnn.FORWARD
    return rw.restate(node, [data, *node.inputs[1:]], direction=direction)


def _flipped(value: ir.Value, axis: int, rw: Rewriter) -> ir.Value:
    return rw.op("Slice", value, *(rw.const([number]) for number in (-1, _BEYOND, axis, -1)))


def _turned(
    value: ir.Value | None, axis: int, rw: Rewriter
) -> tuple[ir.Value, Sequence[ir.Node]] | Skip | None:
    """What a Slice turns round along ``axis`` of ``value``, and what moves the axes behind it."""
    moves: list[ir.Node] = []
    for _ in range(_DEEPEST):
        maker = rw.producer(value, "Slice", *_MOVES)
        data = None if maker is None else maker.inputs[0]
        if maker is None or data is None:
            return None
        if maker.op_type == "Slice":
            answer = _turns(maker, axis, rw)
            return (data, moves[::-1]) if answer is True else answer or None
        known = rank(data) or 0
        place = next((k for k in range(known) if _axis_behind(maker, k, rw) == axis), None)
        if place is None:
            return None
        value, axis = data, place
        moves.append(maker)
    return None


def _turned_back(
    value: ir.Value, axis: int, moves: tuple[ir.Node, ...], rw: Rewriter
) -> Iterator[tuple[ir.Value, Sequence[ir.Node]] | None]:
    """The results of the Slices that turn ``axis`` of ``value`` round, and what is in between.

    ``None`` stands for a reader that does not.
    """
    uses, maker = value.uses(), value.producer()
    if value.is_graph_output() or not uses or len(moves) == _DEEPEST:
        yield None
    for reader, port in uses:
        if maker is None or reader.graph is not maker.graph or port:
            yield None
        elif rw.producer(reader.outputs[0], "Slice") and _turns(reader, axis, rw) is True:
            yield reader.outputs[0], moves
        elif rw.producer(reader.outputs[0], *_MOVES):
            place = _axis_behind(reader, axis, rw)
            if place is None:
                yield None
            else:
                yield from _turned_back(reader.outputs[0], place, (*moves, reader), rw)
        else:
            yield None


def _turns(node: ir.Node, axis: int, rw: Rewriter) -> bool | Skip:
    """Whether all that a Slice does is to turn this axis round."""
    steps = rw.ints(rw.input(node, 4))
    if not rw.has_input(node, 4) or (steps is not None and min(steps, default=1) > 0):
        return False
    known = dims(node.inputs[0])
    kept = cuts(node, known, rw)
    if isinstance(kept, Skip):
        return kept
    if axis not in kept:
        return False
    size: Dim = known[axis] if known is not None else None
    if len(kept) > 1 or not _is_all(*kept[axis], size):
        return rw.skip("the Slice in front of it does more than to turn the sequence round")
    return True


def _is_all(start: int, end: int, step: int, size: Dim) -> bool:
    """Whether these limits keep an axis, in reverse order."""
    if isinstance(size, int):
        return step == -1 and len(range(size)[start:end:step]) == size
    return step == -1 and (start == -1 or start > _FARTHEST) and end < -_FARTHEST


def _axis_behind(move: ir.Node, axis: int, rw: Rewriter) -> int | None:
    """Where an axis is after one of the nodes that move it."""
    if move.op_type == "Transpose":
        order = order_of(move, rw)
        return order.index(axis) if order is not None else None
    if move.op_type == "Reshape":
        return _axis_reshaped(rw.facts.dims(move.inputs[0]), rw.facts.dims(move.outputs[0]), axis)
    axes, known = rw.param_ints(move, "axes", 1), rank(move.inputs[0])
    if axes is None or known is None:
        return None
    if move.op_type == "Squeeze":
        gone = {each % known for each in axes}
        return None if axis in gone else axis - sum(each < axis for each in gone)
    total = known + len(axes)
    new = {each % total for each in axes}
    return [k for k in range(total) if k not in new][axis]


def _axis_reshaped(
    before: Sequence[Size] | None, after: Sequence[Size] | None, axis: int
) -> int | None:
    """Where an axis is whose size stays, behind others that stay but for those of size 1."""
    if before is None or after is None:
        return None
    front = [dim for dim in before[:axis] if dim != 1]
    for place, dim in enumerate(after):
        if dim == before[axis] and [each for each in after[:place] if each != 1] == front:
            return place
    return None


def _moved(value: ir.Value, moves: Sequence[ir.Node], rw: Rewriter) -> ir.Value:
    """What copies of the nodes make of ``value``."""
    for move in moves:
        value = rw.copy(move, value, *move.inputs[1:])
    return value
