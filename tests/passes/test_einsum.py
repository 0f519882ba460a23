"""The einsum pass on random equations."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix_passes.einsum import Einsum
from tests.passes.random_graphs import Grower, hold


def sums(grow: Grower) -> Sequence[ir.Value]:
    sizes = {letter: grow.number(1, 3) for letter in "abcd"}
    terms = []
    for _ in range(grow.one_of(2, 2, 1, 3)):
        letters = "".join("abcd"[axis] for axis in grow.permutation(4))
        terms.append(letters[: grow.number(1, 3)])
    kept = [letter for letter in "abcd" if any(letter in term for term in terms)]
    result = "".join(kept[axis] for axis in grow.permutation(len(kept)))[: grow.number(0, 3)]
    dots = grow.chance(20)
    before = "..." if dots else ""
    values = []
    for term in terms:
        shape = [sizes[letter] for letter in term]
        values.append(grow.unary(grow.input([2, *shape] if dots else shape)))
    equation = ",".join(before + term for term in terms) + "->" + before + result
    return [grow.op("Einsum", *values, equation=equation)]


def test_whatever_is_summed() -> None:
    hold(Einsum(), sums, opsets=(12, 13, 17, 18, 21), least=0.3)
