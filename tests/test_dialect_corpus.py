"""Every model of the onnx corpus, lowered and raised again, is what it was."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from graphfix.dialect import looks_like_dialect, lower, raise_dialect
from graphfix.errors import DialectError
from graphfix.model import check, diff, digest, from_bytes, to_proto
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.target import load_profile
from tests.test_corpus_roundtrip import Feeds, _is_random, _numpy, _same, corpus

pytestmark = pytest.mark.corpus


def test_every_model_comes_back() -> None:
    """Refused are only models with nodes of two domains. The nodes are equal but for their names;
    where they are not, the numbers are."""
    profile = load_profile("Ascend310P3", "8.5")
    counts: Counter[str] = Counter()
    for name, (data, feeds) in corpus().items():
        model = from_bytes(data)
        before = digest(model)
        assert not looks_like_dialect(model), name
        if len({node.domain for node in model.graph.all_nodes()}) > 1:
            with pytest.raises(DialectError, match="takes one domain in a model"):
                lower(model, profile)
            counts["refused"] += 1
            continue
        lowered = lower(model, profile)
        raised = raise_dialect(lowered.model).model
        assert digest(model) == before, f"{name}: lowering changed the model it was given"
        check(raised)
        again = lower(raised, profile).model
        assert diff(lowered.model, again).lines() == (), name
        verdict = "equal" if _nodes(raised) == _nodes(model) else _compare(model, raised, feeds)
        assert verdict != "other", name
        counts[verdict] += 1
    assert counts.total() - counts["refused"] >= 2050, counts
    assert counts["same"] >= 80, counts
    assert counts["not run"] <= 45, counts


def test_inputs_that_a_script_narrowed_are_widened_again() -> None:
    """Every int64 input that ONNX does not take in int32 is given in int32."""
    same = 0
    for name, (data, feeds) in corpus().items():
        model, narrowed = from_bytes(data), from_bytes(data)
        inputs = [value.name or "" for value in narrowed.graph.inputs if _narrow(value)]
        if not inputs or feeds is None or not looks_like_dialect(narrowed):
            continue
        values = {v.name or "": _numpy(f) for v, f in zip(model.graph.inputs, feeds, strict=False)}
        narrow = {k: v.astype(np.int32) if k in inputs else v for k, v in values.items()}
        try:
            expected = Session(model, threads=1).run(values)
            found = Session(raise_dialect(narrowed).model, threads=1).run(narrow)
        except NotRunnable:
            continue
        assert all(_same(expected[key], found[key]) for key in expected), name
        same += 1
    assert same >= 230


def _narrow(value: ir.Value) -> bool:
    """Make an input int32, if it is int64 and parameterises one kind of operator."""
    uses = value.uses()
    kinds = {use.node.op_type for use in uses}
    if value.dtype != ir.DataType.INT64 or len(kinds) != 1 or any(use.idx == 0 for use in uses):
        return False
    value.type = ir.TensorType(ir.DataType.INT32)
    return True


def _nodes(model: ir.Model) -> list[onnx.NodeProto]:
    """The nodes as a file has them, without their names."""
    model = model.clone()
    for node in model.graph.all_nodes():
        node.name = None
    return list(to_proto(model, weights=False).graph.node)


def _compare(model: ir.Model, raised: ir.Model, feeds: Feeds | None) -> str:
    """Whether onnxruntime computes the same bits for both."""
    if feeds is None or _is_random(model):
        return "not run"
    try:
        session = Session(model, threads=1)
        known = {each[0] for each in session.inputs}
        values = zip(model.graph.inputs, feeds, strict=False)
        inputs = {v.name or "": _numpy(feed) for v, feed in values if v.name in known}
        expected = session.run(inputs)
    except NotRunnable:
        return "not run"
    found = Session(raised, threads=1).run(inputs)
    same = list(found) == list(expected) and all(_same(expected[k], found[k]) for k in expected)
    return "same" if same else "other"
