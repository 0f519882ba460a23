"""The resize-nearest pass on random Resizes, and what it promises."""

from collections.abc import Sequence

import onnx_ir as ir
import pytest

from graphfix.contract import Approximate
from graphfix.errors import PassError
from graphfix.manager import PassManager
from graphfix.model import from_text
from graphfix.pipeline import Pipeline
from graphfix.rewrite import Expect, PassContext, Selector
from graphfix.rewrite.rewriter import AttrValue
from graphfix.verify import Status, Verifier
from graphfix_passes.resize_nearest import Mode, ResizeNearest
from tests.passes.random_graphs import Grower, hold

MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[1,4,16,16] x) => (float[1,4,32,32] a, float[1,4,32,32] b)
<float[4] scales = {1, 1, 2, 2}>
{
   a = Resize <mode = "linear"> (x, , scales)
   b = Resize <mode = "nearest"> (x, , scales)
}
"""


def resizes(grow: Grower) -> Sequence[ir.Value]:
    data = grow.input((1, 1, grow.number(1, 4), grow.number(1, 4)))
    attributes: dict[str, AttrValue] = {"mode": grow.one_of("linear", "nearest")}
    scales = grow.const([1.0, 1.0, grow.one_of(2.0, 3.0), 2.0])
    if grow.opset < 11:
        return [grow.op("Upsample" if grow.opset == 9 else "Resize", data, scales, **attributes)]
    if grow.chance(30):
        attributes = {"mode": "cubic", "cubic_coeff_a": -0.5}
    return [grow.op("Resize", data, grow.const([0.0] * 8), scales, **attributes)]


@pytest.mark.parametrize("mode", list(Mode))
def test_whatever_interpolates(mode: Mode) -> None:
    opsets = (9, 10, 11, 13, 21)
    hold(ResizeNearest(mode=mode, cosine=-1), resizes, opsets=opsets, examples=40, least=0.15)


def test_the_promise_is_the_limit_that_was_given() -> None:
    result = ResizeNearest(cosine=0.95).run(from_text(MODEL), PassContext())
    assert result.contract == Approximate(cosine=0.95)
    assert [rewrite.contract for rewrite in result.rewrites] == [Approximate(cosine=0.95)]


def test_what_is_too_far_away_fails() -> None:
    verifier = Verifier()
    verifier.start(from_text(MODEL))
    for limit, status in ((0.7, Status.PASSED), (0.99, Status.FAILED)):
        result = ResizeNearest(cosine=limit).run(from_text(MODEL), PassContext())
        verdict = verifier.check(result, before=lambda: from_text(MODEL))
        assert verdict.status is status
        if status is Status.PASSED:
            verifier.start(from_text(MODEL))


def test_another_number_of_resizes_than_expected_is_an_error() -> None:
    item = ResizeNearest(select=Selector("k=0,1"), expect=Expect("2"))
    outcome = PassManager(Pipeline((item,))).run(lambda: from_text(MODEL))
    (failure,) = outcome.failures
    assert isinstance(failure.error, PassError)
    assert "expect" in str(failure.error)
