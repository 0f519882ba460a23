"""The StarNet adapters on small networks of their topology, exported in several ways."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphfix.adapter import Adapter
from graphfix.plugins import load_registry
from graphfix.stages.run import RunReport, RunRequest, Stage, Status, run
from graphfix_adapters.starnet import StarNet, StarNetResNet34
from tests.quiet import Quiet


def chain(adapter: Adapter, folder: Path, python: str, **options: str) -> RunReport:
    request = RunRequest(
        adapter,
        folder,
        random_weights=True,
        python=python,
        options={"width": "small", **options},
    )
    return run(request, load_registry(), Quiet())


@pytest.mark.parametrize(
    ("adapter", "options", "sampled", "rewrites"),
    [
        # ATC takes GridSample of opset 16 to 18, on the AI CPU: the audit has it decomposed.
        (StarNet(), {"opset": "16"}, 1, [0, 1]),
        (StarNet(), {"opset": "11", "placeholder": "true"}, 0, [1, 1]),
        (StarNetResNet34(), {"opset": "19"}, 1, [1]),
    ],
    ids=["direct-16", "placeholder-11", "resnet34-direct-19"],
)
def test_the_whole_chain(
    tmp_path: Path,
    paddle_python: str,
    adapter: Adapter,
    options: dict[str, str],
    sampled: int,
    rewrites: list[int],
) -> None:
    report = chain(adapter, tmp_path, paddle_python, **options)
    found: dict[Stage, Any] = {result.stage: result for result in report.stages}
    assert report.exit_code == 0, [(s.stage, s.reason) for s in report.stages]
    assert found[Stage.CONVERT].status is Status.NOT_RUN

    exported = onnx.load(report.facts(Stage.EXPORT)["model"])
    assert exported.opset_import[0].version == int(options["opset"])
    assert sum(node.op_type == "GridSample" for node in exported.graph.node) == sampled

    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    passes = [each for each in applied["passes"] if each["pass"].startswith("gridsample")]
    assert [each["rewrites"] for each in passes] == rewrites
    assert not {"error", "wrong"} & set(report.facts(Stage.AUDIT)["counts"])

    outputs = Path(report.facts(Stage.INFER)["outputs"])
    scores = np.stack([np.load(path)[0] for path in sorted(outputs.glob("*_0.npy"))])
    assert scores.shape == (5, 25, 37)
    assert scores.std(axis=0).max() > 0.01, "the output depends on the picture"
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert figures["acc"] == 0
    assert 0 <= figures["norm_edit_dis"] < 0.5
