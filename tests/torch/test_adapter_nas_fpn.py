"""The NAS-FPN adapter on a small network of its topology, exported by torch in several ways."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphfix.model import load
from graphfix.runners.onnxruntime import Session
from graphfix.stages.run import Stage
from graphfix_adapters._suppression import suppress
from graphfix_adapters.nas_fpn import NasFpn
from tests.chain import run_small


class SmallNasFpn(NasFpn):
    """The same at a smaller size."""

    shapes = ("input:1,3,256,256",)
    size = (256, 256)


@pytest.mark.parametrize(
    ("options", "matches"),
    [
        # Two stacks of cells enlarge three maps each, whose sizes opset 11 computes.
        ({"opset": "11"}, {"out-nodes": 1, "resize-scales": 6}),
        ({"opset": "17"}, {"out-nodes": 1}),
        ({"exporter": "dynamo", "opset": "18"}, {"out-nodes": 1}),
    ],
    ids=["11", "17", "dynamo-18"],
)
def test_the_whole_chain(tmp_path: Path, options: dict[str, str], matches: dict[str, int]) -> None:
    report = run_small(SmallNasFpn(), tmp_path, size="256x256", **options)
    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    found_by = {step["pass"].partition("{")[0]: step["rewrites"] for step in applied["passes"]}
    assert found_by == matches
    counts = report.facts(Stage.AUDIT)["counts"]
    assert not {"error", "wrong", "slow"} & set(counts)
    outputs = Path(report.facts(Stage.INFER)["outputs"])
    names = ["000000000001", "000000000002"]
    boxes, scores = ([np.load(outputs / f"{name}_{k}.npy") for name in names] for k in range(2))
    # The best 100 anchors of four levels, and all 2 x 2 x 9 of the last.
    assert boxes[0].shape == (1, 436, 4)
    assert scores[0].shape == (1, 80, 436)
    assert 0.01 < scores[0].max() - scores[0].min() <= 1
    assert np.abs(scores[0] - scores[1]).mean() > 1e-3, "the output depends on the picture"
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert 0 <= figures["AP"] <= 1
    _assert_the_host_does_what_was_cut(Path(report.facts(Stage.EXPORT)["model"]), tmp_path / "tiny")


def _assert_the_host_does_what_was_cut(exported: Path, data: Path) -> None:
    model = load(exported)
    (cut,) = (node for node in model.graph if node.op_type == "NonMaxSuppression")
    boxes, scores = (str(value.name) for value in cut.inputs[:2] if value is not None)
    session = Session(model, outputs=[boxes, scores])
    for sample in SmallNasFpn().samples(data):
        made: Mapping[str, Any] = session.run(sample.inputs)
        kept = suppress(made[boxes][0], made[scores][0], score=0.05, overlap=0.5, most=100)
        np.testing.assert_array_equal(kept.boxes, made["dets"][:, :4])
        np.testing.assert_array_equal(kept.scores, made["dets"][:, 4])
        np.testing.assert_array_equal(kept.classes, made["labels"])
