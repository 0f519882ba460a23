"""The cse pass on random graphs with many equal nodes."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.cse import Cse
from tests.passes.random_graphs import Grower, hold


def repetitions(grow: Grower) -> Sequence[ir.Value]:
    values = [grow.input((2, 3)), grow.const([1.0, 2.0, 3.0]), grow.const([1.0, 2.0, 3.0])]
    for _ in range(grow.number(2, 8)):
        one, other = grow.one_of(*values), grow.one_of(*values)
        match grow.one_of("Neg", "Sub", "LeakyRelu"):
            case "Neg":
                values.append(grow.op("Neg", one))
            case "Sub":
                values.append(grow.op("Sub", one, other))
            case _:
                alpha = grow.one_of(0.5, 0.0, -0.0)
                values.append(grow.op("LeakyRelu", one, alpha=alpha))
    return values[-2:]


def test_whatever_is_there_twice() -> None:
    hold(Cse(), repetitions, least=0.15)
