"""The audit looks at every model of the onnx corpus, and agrees with a stand-in for ATC."""

import contextlib
from collections import Counter
from pathlib import Path

import onnx
import pytest

from graphfix.audit import audit, builtin_rules
from graphfix.dialect import lower
from graphfix.errors import DialectError, ModelError
from graphfix.finding import Severity
from graphfix.model import from_bytes, infer_shapes, load, to_proto
from graphfix.target import load_profile
from tests.atc_precheck import precheck
from tests.test_corpus_roundtrip import corpus

ROOT = Path(__file__).parents[1]
RELEASES = ("6.0", "8.5", "development")


def compare(name: str, data: bytes, cann: str) -> str:
    """Hold the audit of one model against the stand-in; whether ATC would begin with it."""
    model = from_bytes(data)
    profile = load_profile("Ascend310P3", cann)
    with contextlib.suppress(ModelError):
        infer_shapes(model)
    found = audit(model, profile, builtin_rules().values())
    assert not found.broken, name
    errors = [finding for finding in found.findings if finding.severity is Severity.ERROR]
    rules = {finding.rule for finding in errors}
    about = {
        node.rpartition("/")[2] if finding.rule != "GF110" else node
        for finding in errors
        for node in finding.nodes
    }
    refusals = precheck(onnx.load_model_from_string(data), cann)
    for refusal in refusals:
        where = (name, cann, str(refusal), [f"{f.rule} {f.message}" for f in errors])
        if refusal.code == "E16005":
            assert "GF103" in rules, where
        elif refusal.code == "E16001":
            assert "GF130" in rules, where
        elif refusal.code == "E13009":
            assert "GF110" in rules, where
            assert refusal.node in about, where
        elif refusal.code == "E13010":
            assert rules & {"GF100", "GF101", "GF105"}, where
            assert "GF100" in rules or not refusal.node or refusal.node in about, where
        else:
            assert errors, where
    codes = {refusal.code for refusal in refusals}
    if not codes & {"E16005", "E16001"}:  # after these the stand-in stops, as ATC does
        where = (name, cann, ", ".join(map(str, refusals)), sorted(rules))
        assert not (rules & {"GF101", "GF105"} and "GF100" not in rules) or "E13010" in codes, where
        assert ("GF110" in rules) is ("E13009" in codes), where
        assert "GF103" not in rules, where
    return "refused" if refusals else "taken"


@pytest.mark.corpus
def test_the_audit_agrees_with_the_stand_in_before_and_after_lowering() -> None:
    counts: Counter[str] = Counter()
    for index, (name, (data, _)) in enumerate(corpus().items()):
        cann = RELEASES[index % len(RELEASES)]
        counts[compare(name, data, cann)] += 1
        try:
            lowered = lower(from_bytes(data), load_profile("Ascend310P3", cann)).model
        except DialectError:
            counts["not lowered"] += 1
            continue
        counts[
            f"lowered {compare(name, to_proto(lowered, weights=True).SerializeToString(), cann)}"
        ] += 1
    assert counts["taken"] + counts["refused"] >= 2050, counts
    assert counts["lowered taken"] > counts["taken"] > 100, counts


@pytest.mark.parametrize("example", ["starnet.onnx", "starnet_placeholder.onnx"])
@pytest.mark.parametrize("cann", RELEASES)
def test_the_audit_agrees_on_the_examples(example: str, cann: str) -> None:
    model = load(ROOT / "examples" / example)
    compare(example, to_proto(model, weights=True).SerializeToString(), cann)
