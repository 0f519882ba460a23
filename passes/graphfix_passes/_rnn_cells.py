"""One step of an RNN, GRU or LSTM, in operators that everything has.

The formulas are those in ONNX's definitions of the operators, as onnxruntime computes them:
``clip`` bounds what the activations of the gates get, and not the state of an LSTM's cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix_passes._parts import split
from graphfix_passes._rnn import Activation

State = ir.Value | None
"""[1, batch, hidden] or [batch, 1, hidden]; ``None`` is zero."""
_LAST = 2
"""The last axis of states and of what is made of them."""
_PLAIN = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
_WITH_ATTRIBUTES = {"elu": "Elu", "hardsigmoid": "HardSigmoid", "leakyrelu": "LeakyRelu"}
_CLIP_INPUTS_SINCE = 11


@dataclass(frozen=True)
class Weights:
    """Those of one direction, as the steps need them; sums of products start with X W, which has
    the biases in it."""

    recurrent: Sequence[ir.Value]
    """Matrices [hidden, ...]: all gates in one, or for a GRU that resets first z and r, and h."""
    bias: ir.Value | None = None
    """What is added to the recurrent product: of a GRU that resets after it."""
    peepholes: Sequence[ir.Value] = ()
    """[hidden] for the gates i, o and f of an LSTM."""


@dataclass(frozen=True)
class Cell:
    """Everything of a layer that is the same at each step and in both directions."""

    rw: Rewriter
    hidden: int
    dtype: ir.DataType
    clip: float | None
    input_forget: bool
    reset_after: bool

    def number(self, value: float) -> ir.Value:
        """A scalar of the type of the data, infinite where that ends earlier."""
        with np.errstate(over="ignore"):
            return self.rw.const(np.array(value), self.dtype)

    def rnn(
        self, x: ir.Value, state: Sequence[State], w: Weights, f: Sequence[Activation]
    ) -> tuple[ir.Value, ...]:
        """Ht = f(Xt W + Ht-1 R + b)."""
        (h,) = state
        return (self._gate(f[0], x, self._product(h, w.recurrent[0])),)

    def gru(
        self, x: ir.Value, state: Sequence[State], w: Weights, f: Sequence[Activation]
    ) -> tuple[ir.Value, ...]:
        """z, r = f(...); h = g(...); Ht = h + z (Ht-1 - h), which is (1 - z) h + z Ht-1."""
        (h,) = state
        part: State
        x_zr, x_h = self._split(x, 2, 1)
        if self.reset_after:
            both = self._sum(self._product(h, w.recurrent[0]), w.bias)
            axis = 0 if h is None else _LAST  # the bias alone is a vector
            zr, part = (None, None) if both is None else self._split(both, 2, 1, axis=axis)
            z, r = self._split(self._gate(f[0], x_zr, zr), 1, 1)
            part = None if part is None else self.rw.op("Mul", r, part)
        else:
            zr = self._product(h, w.recurrent[0])
            z, r = self._split(self._gate(f[0], x_zr, zr), 1, 1)
            part = None if h is None else self.rw.op("Mul", r, h)
            part = self._product(part, w.recurrent[1])
        new = self._gate(f[1], x_h, part)
        if h is None:
            return (self.rw.op("Sub", new, self.rw.op("Mul", z, new)),)
        return (self.rw.op("Add", new, self.rw.op("Mul", z, self.rw.op("Sub", h, new))),)

    def lstm(
        self, x: ir.Value, state: Sequence[State], w: Weights, f: Sequence[Activation]
    ) -> tuple[ir.Value, ...]:
        """Ct = f Ct-1 + i c; Ht = o h(Ct); the gates i, o, f see the cell through peepholes."""
        h, c = state
        gates = self._sum(x, self._product(h, w.recurrent[0]))
        assert gates is not None
        i, o, forget, new = self._split(gates, 1, 1, 1, 1)
        see_i, see_o, see_f = w.peepholes or (None, None, None)
        i = self._gate(f[0], i, self._seen(c, see_i))
        if self.input_forget:
            forget = self.rw.op("Sub", self.number(1), i)
        else:
            forget = self._gate(f[0], forget, self._seen(c, see_f))
        new = self.rw.op("Mul", i, self._gate(f[1], new))
        if c is not None:
            new = self.rw.op("Add", self.rw.op("Mul", forget, c), new)
        o = self._gate(f[0], o, self._seen(new, see_o))
        return self.rw.op("Mul", o, self._activated(f[2], new)), new

    def _split(self, value: ir.Value, *parts: int, axis: int = _LAST) -> Sequence[ir.Value]:
        """Parts that are so many times as long as the hidden size."""
        return split(self.rw, value, [self.hidden * part for part in parts], axis)

    def _sum(self, *values: ir.Value | None) -> ir.Value | None:
        """The sum of those that are not zero."""
        found = [value for value in values if value is not None]
        return reduce(partial(self.rw.op, "Add"), found) if found else None

    def _product(self, state: State, matrix: ir.Value) -> State:
        return None if state is None else self.rw.op("MatMul", state, matrix)

    def _seen(self, c: State, peephole: ir.Value | None) -> State:
        return None if c is None or peephole is None else self.rw.op("Mul", c, peephole)

    def _gate(self, activation: Activation, *values: ir.Value | None) -> ir.Value:
        """The activation of a sum."""
        value = self._sum(*values)
        assert value is not None
        if self.clip is not None and self.rw.opset < _CLIP_INPUTS_SINCE:
            value = self.rw.op("Clip", value, min=-self.clip, max=self.clip)
        elif self.clip is not None:
            value = self.rw.op("Clip", value, self.number(-self.clip), self.number(self.clip))
        return self._activated(activation, value)

    def _activated(self, activation: Activation, value: ir.Value) -> ir.Value:
        op, kind = self.rw.op, activation.kind
        if kind in _PLAIN:
            return op(_PLAIN[kind], value)
        given = {"alpha": activation.alpha, "beta": activation.beta}
        if kind in _WITH_ATTRIBUTES:
            known = {name: number for name, number in given.items() if number is not None}
            return op(_WITH_ATTRIBUTES[kind], value, domain="", **known)
        alpha, beta = (self.number(number or 0.0) for number in given.values())
        if kind == "affine":
            return op("Add", op("Mul", value, alpha), beta)
        if kind == "scaledtanh":
            return op("Mul", op("Tanh", op("Mul", value, beta)), alpha)
        assert kind == "thresholdedrelu"
        return op("Where", op("Greater", value, alpha), value, self.number(0))


Step = Callable[[ir.Value, Sequence[State], Weights, Sequence[Activation]], tuple[ir.Value, ...]]
