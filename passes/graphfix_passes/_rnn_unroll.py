"""RNN, GRU and LSTM with a fixed number of steps, step by step."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip
from graphfix_passes import _rnn
from graphfix_passes._axes import unsqueezed
from graphfix_passes._rnn import Activation, sliced
from graphfix_passes._rnn_cells import Cell, State, Step, Weights

_NO_DEFAULT = {
    "affine": ("alpha", "beta"),
    "scaledtanh": ("alpha", "beta"),
    "thresholdedrelu": ("alpha",),
}
"""Parameters for which ONNX has no default, or onnxruntime another one."""


@dataclass(frozen=True)
class _Layer:
    """A layer that can be unrolled."""

    node: ir.Node
    cell: Cell
    steps: int
    layout: int
    directions: Sequence[str]
    activations: Sequence[Sequence[Activation]]
    """Those of each direction."""
    lengths: ir.Value | None

    @property
    def rw(self) -> Rewriter:
        return self.cell.rw

    @property
    def step(self) -> Step:
        steps = {"RNN": self.cell.rnn, "GRU": self.cell.gru, "LSTM": self.cell.lstm}
        return steps[self.node.op_type]

    @property
    def rows(self) -> int:
        """Those of W and R."""
        return _rnn.GATES[self.node.op_type] * self.cell.hidden

    @property
    def resets_before(self) -> bool:
        """Whether the state is reset before it is multiplied, which takes two products."""
        return self.node.op_type == "GRU" and not self.cell.reset_after

    def input(self, port: int) -> ir.Value | None:
        return self.rw.input(self.node, port)


def unroll(node: ir.Node, limit: int, rw: Rewriter) -> Sequence[ir.Value | None] | Skip:
    """The outputs that something reads, computed by a cell for each of at most ``limit`` steps."""
    layer = _read(node, limit, rw)
    if isinstance(layer, Skip):
        return layer
    reads = _rnn.outputs_read(node)
    if not any(reads):
        return rw.skip("nothing reads what it computes")
    alive = _alive(layer)
    results = [_run(layer, k, alive) for k in range(len(layer.directions))]
    joined: list[ir.Value | None] = []
    for index, read in enumerate(reads):
        parts = [_output(layer, result, index) for result in results] if read else []
        axis = layer.layout + (index == 0)
        joined.append(_joined(rw, parts, axis) if parts else None)
    return joined


def _read(node: ir.Node, limit: int, rw: Rewriter) -> _Layer | Skip:
    """What the node says, or why it cannot be unrolled."""
    directions = _rnn.directions(node, rw)
    if isinstance(directions, Skip):
        return directions
    activations = _rnn.activations(node, len(directions), rw)
    if isinstance(activations, Skip):
        return activations
    for each in (one for direction in activations for one in direction):
        for name in _NO_DEFAULT.get(each.kind, ()):
            if getattr(each, name) is None:
                return rw.skip(f"its activation {each.name} is given no {name}")
    clip = rw.attr_float(node, "clip", 0.0) if "clip" in node.attributes else None
    if clip is not None and not clip > 0:
        return rw.skip(f"clip={clip:g} is no threshold")
    data, layout = node.inputs[_rnn.X], rw.attr_int(node, "layout", 0)
    known, recurrent = rw.dims(data), rw.dims(node.inputs[_rnn.R])
    steps = known[layout] if known is not None else None
    if steps is None:
        return rw.skip("the number of its steps is not known")
    if not 0 < steps <= limit:
        return rw.skip(f"it has {steps} steps, and limit={limit}")
    hidden = rw.attr_int(node, "hidden_size", 0) or (recurrent[2] if recurrent else None)
    if not hidden:
        return rw.skip("its hidden_size is not known")
    dtype = rw.dtype(data)
    if dtype is None:
        return rw.skip("the type of its data is not known")
    cell = Cell(
        rw,
        hidden,
        dtype,
        clip,
        bool(rw.attr_int(node, "input_forget", 0)),
        node.op_type == "GRU" and bool(rw.attr_int(node, "linear_before_reset", 0)),
    )
    lengths = rw.input(node, _rnn.LENGTHS)
    lengths = None if _rnn.is_full(lengths, node, rw) else lengths
    return _Layer(node, cell, steps, layout, directions, activations, lengths)


def _alive(layer: _Layer) -> Sequence[ir.Value] | None:
    """Which rows have not ended at each step; ``None`` when all are as long as the data."""
    rw, lengths = layer.rw, layer.lengths
    if lengths is None:
        return None
    behind = [1, 2] if layer.layout else [1]  # the axes behind that of the batch
    counts = unsqueezed(rw, lengths, behind)
    return [rw.op("Less", rw.const(t, np.int32), counts) for t in range(layer.steps)]


def _run(
    layer: _Layer, direction: int, alive: Sequence[ir.Value] | None
) -> tuple[Sequence[ir.Value], Sequence[State]]:
    """What comes out at each step, and the last states."""
    rw, activations = layer.rw, layer.activations[direction]
    x, weights = _products(layer, direction), _weights(layer, direction)
    zero = layer.cell.number(0) if alive is not None else None
    state: list[State] = [
        _initial(layer, port, direction)
        for port in ((_rnn.INITIAL_H, _rnn.INITIAL_C)[: 1 + (layer.node.op_type == "LSTM")])
    ]
    if alive is not None:  # a row of length 0 ends in zeros (onnxruntime; ONNX does not say)
        state = [s and rw.op("Where", alive[0], s, zero) for s in state]
    outputs: dict[int, ir.Value] = {}
    steps = range(layer.steps)
    for t in reversed(steps) if layer.directions[direction] == _rnn.REVERSE else steps:
        now = sliced(rw, x, [t], [t + 1], [layer.layout]) if layer.steps > 1 else x
        new = layer.step(now, state, weights, activations)
        outputs[t] = new[0]
        if alive is not None:
            outputs[t] = rw.op("Where", alive[t], new[0], zero)
            new = tuple(
                rw.op("Where", alive[t], after, zero if before is None else before)
                for after, before in zip(new, state, strict=True)
            )
        state = list(new)
    return [outputs[t] for t in steps], state


def _output(
    layer: _Layer, result: tuple[Sequence[ir.Value], Sequence[State]], index: int
) -> ir.Value:
    """Y, Y_h or Y_c of one direction."""
    outputs, state = result
    if index:
        value = state[index - 1]
        assert value is not None
        return value
    rw = layer.rw
    return unsqueezed(rw, _joined(rw, outputs, layer.layout), [layer.layout + 1])


def _joined(rw: Rewriter, parts: Sequence[ir.Value], axis: int) -> ir.Value:
    return rw.op("Concat", *parts, axis=axis) if len(parts) > 1 else parts[0]


def _products(layer: _Layer, direction: int) -> ir.Value:
    """X W for all steps at once, and the biases that can be added that early."""
    rw, rows = layer.rw, layer.rows
    value = rw.op("MatMul", layer.input(_rnn.X), _matrix(layer, _rnn.W, direction, 0, rows))
    if layer.input(_rnn.B) is None:
        return value
    if layer.cell.reset_after:
        return rw.op("Add", value, _vector(layer, _rnn.B, direction, 0, rows))
    biases = rw.constant(layer.input(_rnn.B))
    if biases is not None:
        return rw.op("Add", value, rw.const(biases[direction].reshape(2, rows).sum(0)))
    both = (_vector(layer, _rnn.B, direction, k * rows, (k + 1) * rows) for k in range(2))
    return rw.op("Add", value, rw.op("Add", *both))


def _weights(layer: _Layer, direction: int) -> Weights:
    """What each step multiplies its state by, and adds to that."""
    cell, rows = layer.cell, layer.rows
    ends = [0, 2 * cell.hidden, rows] if layer.resets_before else [0, rows]
    matrices = [
        _matrix(layer, _rnn.R, direction, start, end) for start, end in itertools.pairwise(ends)
    ]
    bias, peepholes = None, list[ir.Value]()
    if cell.reset_after and layer.input(_rnn.B) is not None:
        bias = _vector(layer, _rnn.B, direction, rows, 2 * rows)
    if layer.input(_rnn.P) is not None:
        places = itertools.pairwise(cell.hidden * k for k in range(4))
        peepholes = [_vector(layer, _rnn.P, direction, start, end) for start, end in places]
    return Weights(matrices, bias, peepholes)


def _initial(layer: _Layer, port: int, direction: int) -> State:
    """The state at the beginning of one direction."""
    value = layer.input(port)
    if len(layer.directions) == 1:
        return value
    return _rnn.share(value, layer.layout, direction, layer.rw)


def _matrix(layer: _Layer, port: int, direction: int, start: int, end: int) -> ir.Value:
    """Some rows of one direction of W or R, as columns."""
    rw, value = layer.rw, layer.input(port)
    assert value is not None
    known = rw.constant(value)
    if known is not None:
        return rw.const(np.ascontiguousarray(known[direction, start:end].T))
    part = sliced(rw, value, [direction, start], [direction + 1, end], [0, 1])
    return rw.op("Transpose", rw.op("Reshape", part, rw.const([end - start, -1])), perm=[1, 0])


def _vector(layer: _Layer, port: int, direction: int, start: int, end: int) -> ir.Value:
    """Some elements of one direction of B or P."""
    rw, value = layer.rw, layer.input(port)
    assert value is not None
    known = rw.constant(value)
    if known is not None:
        return rw.const(known[direction, start:end])
    part = sliced(rw, value, [direction, start], [direction + 1, end], [0, 1])
    return rw.op("Reshape", part, rw.const([end - start]))
