"""``where`` on random graphs."""

import itertools
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from graphfix_passes.where import Where
from tests.passes.random_graphs import Grower, hold


def choices(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(1, 3)
    dtype = grow.one_of(np.float32, np.int64, np.float16, np.int32)
    parts = [[size if grow.chance(70) else 1 for size in shape] for _ in range(3)]
    if grow.chance(40):
        condition = grow.const(np.full(parts[0], grow.one_of(True, False)), np.bool_)
    elif grow.chance(40):
        condition = grow.const(np.arange(np.prod(parts[0])).reshape(parts[0]) % 2, np.bool_)
    else:
        condition = grow.input(parts[0], np.bool_)
    kept = grow.input(parts[1], dtype)
    number = grow.one_of(*((0, -1, 7) if np.dtype(dtype).kind == "i" else (-np.inf, -1e4, 0.5)))
    form = grow.one_of("constant", "input", "same", "bounded")
    if form == "bounded" and dtype is np.int64:
        kept = grow.op("Shape", kept)
        condition = grow.input([len(parts[1])], np.bool_)
    other = grow.const(np.full([1] * grow.number(0, 2), number), dtype)
    if form == "input":
        other = grow.input(parts[2], dtype)
    if form == "same":
        other = kept
    branches = (kept, other) if grow.chance(50) else (other, kept)
    return [grow.op("Where", condition, *branches)]


@pytest.mark.parametrize("add_masks", [False, True])
def test_whatever_is_chosen(add_masks: bool) -> None:
    hold(Where(add_masks=add_masks), choices, examples=25)


@pytest.mark.parametrize("yes", ["a", "true", "false"])
@pytest.mark.parametrize("no", ["b", "true", "false"])
def test_bools(yes: str, no: str) -> None:
    """onnxruntime has no Where of bools, so that the result is compared with numpy."""
    text = f"""<ir_version: 8, opset_import: ["" : 13]>
        main (bool[8] c, bool[8] a, bool[8] b) => (bool[8] y)
        <bool true = {{1}}, bool false = {{0}}>
        {{ y = Where (c, {yes}, {no}) }}"""
    after = Where().run(from_text(text), PassContext()).model
    numbers = np.array(list(itertools.product((False, True), repeat=3))).T
    given = {**dict(zip("cab", numbers, strict=True)), "true": True, "false": False}
    wanted = np.where(given["c"], given[yes], given[no])
    feeds = {str(value.name): given[str(value.name)] for value in after.graph.inputs}
    np.testing.assert_array_equal(np.asarray(Session(after).run(feeds)["y"]), wanted)
