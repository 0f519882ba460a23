"""The main job, from the exporter's files to verified results, through the command line."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.cli_runner import run

ROOT = Path(__file__).parent.parent
DIRECT = ROOT / "examples" / "starnet.onnx"
PLACEHOLDER = ROOT / "examples" / "starnet_placeholder.onnx"
WRONG = ROOT / "tests" / "plugin_files" / "wrong_gridsample.py"
OUTPUT = "fetch_name_0"


def pictures(batch: int) -> np.ndarray[Any, Any]:
    """Smooth pictures in [-1, 1], ``float32[batch,3,32,100]``."""
    rng = np.random.default_rng(batch)
    y, x = np.mgrid[0:32, 0:100] / 32.0
    waves = [
        np.sin(x * rng.uniform(1, 6) + y * rng.uniform(1, 6) + rng.uniform(0, 6))
        for _ in range(batch * 3)
    ]
    return np.stack(waves).reshape(batch, 3, 32, 100).astype(np.float32)


def outputs(path: Path, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    (value,) = session.run(None, {session.get_inputs()[0].name: x})
    return np.asarray(value)


def opset_of(path: Path) -> int:
    model = onnx.load(path)
    return int(next(i.version for i in model.opset_import if i.domain in ("", "ai.onnx")))


@pytest.mark.parametrize("source", [DIRECT, PLACEHOLDER], ids=["direct", "placeholder"])
def test_gridsample_and_sim_are_verified(source: Path, tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.onnx"
    result = run("apply", source, "--passes", "gridsample,sim", "-o", fixed, "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert [step["verification"]["status"] for step in report["steps"]] == ["passed", "passed"]
    assert report["final"]["status"] == "passed"
    assert len(report["final"]["bindings"]) >= 2
    assert report["written"] == [str(fixed)]
    assert json.loads((tmp_path / "fixed.report.json").read_text()) == report
    for batch in (1, 4):
        x = pictures(batch)
        np.testing.assert_allclose(outputs(fixed, x), outputs(DIRECT, x), rtol=0, atol=2e-5)


def test_restored_placeholder_agrees_with_the_direct_export(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.onnx"
    result = run("apply", PLACEHOLDER, "--passes", "gridsample{mode=restore}", "-o", fixed)
    assert result.code == 0, result.err
    assert opset_of(fixed) >= 16
    for batch in (1, 4):
        x = pictures(batch)
        np.testing.assert_allclose(outputs(fixed, x), outputs(DIRECT, x), rtol=0, atol=1e-5)


def test_the_direct_export_comes_down_to_opset_11(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.onnx"
    text = "gridsample{mode=decompose},opset{to=11},sim"
    result = run("apply", DIRECT, "--passes", text, "-o", fixed)
    assert result.code == 0, result.err
    assert opset_of(fixed) == 11
    assert "GridSample" not in {node.op_type for node in onnx.load(fixed).graph.node}
    for batch in (1, 4):
        x = pictures(batch)
        np.testing.assert_allclose(outputs(fixed, x), outputs(DIRECT, x), rtol=0, atol=2e-5)


def test_a_wrong_pass_is_caught_and_reproduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = tmp_path / "fixed.onnx"
    result = run("apply", DIRECT, "--passes", "wrong-gridsample", "--plugin", WRONG, "-o", fixed)
    assert result.code == 1
    assert not fixed.exists()
    assert "error: wrong-gridsample: output 'GridSample.1': max |diff|" in result.err
    assert "no model was written" in result.err
    (line,) = [line for line in result.err.splitlines() if "reproduce with: " in line]
    command = shlex.split(line.partition("reproduce with: ")[2])
    assert command[0] == "graphfix"
    fixed.write_bytes(b"older")
    again = run("apply", DIRECT, "--passes", "wrong-gridsample", "--plugin", WRONG, "-o", fixed)
    assert f"warning: {fixed} is of an earlier run" in again.err
    assert fixed.read_bytes() == b"older"
    again = run(*command[1:])
    assert again.code == 1
    assert "error: wrong-gridsample: output 'GridSample.1': max |diff|" in again.err


def test_keep_going_undoes_the_wrong_pass_and_goes_on(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.onnx"
    result = run(
        *("apply", DIRECT, "--passes", "wrong-gridsample,gridsample"),
        *("--plugin", WRONG, "--keep-going", "-o", fixed),
    )
    assert result.code == 1
    x = pictures(2)
    np.testing.assert_allclose(outputs(fixed, x), outputs(DIRECT, x), rtol=0, atol=1e-5)
