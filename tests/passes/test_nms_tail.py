"""The nms-tail pass against plain loops."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings

from graphfix.contract import Interface
from graphfix.errors import PassError
from graphfix.model import from_text
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext
from graphfix.runners.onnxruntime import Session
from graphfix_passes.nms_tail import Mode, NmsTail
from tests.unit.ops.loops import batch_multi_class_nms

SUPPRESSION = """<ir_version: 9, opset_import: ["" : {opset}]>
main (float[{b},{n},4] corners, float[{b},{c},{n}] rates) => (int64[S,3] picked)
<int64 most = {{{most}}}, float iou = {{{iou}}}, float score = {{{score}}}>
{{
   boxes = Identity (corners)
   scores = Identity (rates)
   picked = NonMaxSuppression (boxes, scores, most, iou, score)
}}"""


def suppression(**sizes: Any) -> ir.Model:
    plain = {"opset": 11, "b": 1, "n": 6, "c": 2, "most": 3, "iou": 0.5, "score": 0.2}
    return from_text(SUPPRESSION.format(**{**plain, **sizes}))


@settings(max_examples=30)
@given(
    st.sampled_from((11, 13, 18, 21)),
    st.integers(1, 2),
    st.integers(1, 12),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 9),
    st.sampled_from((0.0, 0.3, 1.0)),
    st.sampled_from((0.0, 0.4)),
    st.booleans(),
    st.integers(0, 99),
)
def test_what_replaces_a_suppression(
    opset: int,
    b: int,
    n: int,
    c: int,
    most: int,
    total: int,
    iou: float,
    score: float,
    solid: bool,
    seed: int,
) -> None:
    model = suppression(opset=opset, b=b, n=n, c=c, most=most, iou=iou, score=score)
    random = np.random.default_rng(seed)
    low = random.integers(0, 4, (b, n, 2))
    high = low + random.integers(1 if solid else -1, 4, (b, n, 2))
    corners = np.concatenate([low, high], axis=2).astype(np.float32)
    rates = (random.integers(0, 11, (b, c, n)) / 10).astype(np.float32)
    feeds = {"corners": corners, "rates": rates}
    picked = np.asarray(Session(model, threads=1).run(feeds)["picked"])
    wanted = batch_multi_class_nms(
        corners[:, :, None],
        rates.transpose(0, 2, 1),
        score_threshold=score,
        iou_threshold=iou,
        max_size_per_class=min(most, total),
        max_total_size=total,
    )

    result = NmsTail(mode=Mode.REPLACE, total=total).run(model, PassContext())
    assert isinstance(result.contract, Interface)
    found = Session(model, threads=1).run(feeds)
    for place, expected in zip(result.contract.derived, wanted, strict=True):
        reference = place.reference(corners, rates, picked)
        np.testing.assert_array_equal(np.asarray(found[place.output]), expected)
        np.testing.assert_array_equal(reference, expected)


def test_options_are_checked() -> None:
    with pytest.raises(PassError, match=r"^total=0 is not positive$"):
        NmsTail(total=0).run(suppression(), PassContext())
    (chosen,) = parse("nms-tail{select='k=0'}", load_registry()).passes
    with pytest.raises(PassError, match=r"^all of the end goes at once; remove select=$"):
        chosen.run(suppression(), PassContext())


def test_what_is_cut_off_is_found_in_one_sweep() -> None:
    """Two thousand nodes in front of the suppression, and as many behind it."""
    count = 2_000
    head = "".join(f"h{k + 1} = Neg (h{k})\n" for k in range(count))
    tail = "".join(f"t{k + 1} = Neg (t{k})\n" for k in range(count))
    text = SUPPRESSION.format(opset=11, b=1, n=6, c=2, most=3, iou=0.5, score=0.1)
    text = text.replace("boxes = Identity (corners)", f"h0 = Identity (corners)\n{head}")
    text = text.replace("(boxes,", f"(h{count},").replace("picked = ", "t0 = ")
    text = text.replace("}}", "}").removesuffix("}") + f"{tail}picked = Identity (t{count})\n}}"
    model = from_text(text)
    (done,) = NmsTail().run(model, PassContext()).rewrites
    assert len(done.removed) == count + 2
    assert [value.name for value in model.graph.outputs] == [f"h{count}", "scores"]
