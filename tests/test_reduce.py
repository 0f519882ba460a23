"""``graphfix reduce``: the failure stays, nearly everything else goes."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.cli_runner import run

ROOT = Path(__file__).parents[1]
WRONG = ROOT / "tests" / "plugin_files" / "wrong_gridsample.py"

PASSES = '''
import ctypes

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass


class ReluAsAbs(RewritePass):
    """Replace Relu by Abs behind a Conv that is padded."""

    name = "relu-as-abs"
    match_ops = ("Relu",)

    def rewrite(self, node, rw):
        conv = rw.producer(node.inputs[0], "Conv")
        if conv is None or not any(rw.attr_ints(conv, "pads") or ()):
            return rw.skip("no padded Conv above")
        return rw.op("Abs", node.inputs[0])


class Stumble(RewritePass):
    """Fail with a KeyError on a Tanh."""

    name = "stumble"
    match_ops = ("Tanh",)

    def rewrite(self, node, rw):
        raise KeyError("tanh")


class Fall(RewritePass):
    """End the process on an Exp that reads a Tanh."""

    name = "fall"
    match_ops = ("Exp",)

    def rewrite(self, node, rw):
        if rw.producer(node.inputs[0], "Tanh"):
            ctypes.string_at(0)
        return rw.op("Exp", node.inputs[0])


class ReluAsMax(RewritePass):
    """Replace Relu by Max with zero."""

    name = "relu-as-max"
    match_ops = ("Relu",)

    def rewrite(self, node, rw):
        return rw.op("Max", node.inputs[0], rw.const(0.0))
'''

MODEL = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[N,4,12,12] x) => (float[N,6,12,12] y, float[N,6,1,1] z)
<float[6,4,3,3] w1, float[6,6,3,3] w2, int64[4] shape = {0, 6, 12, 12}>
{
   [first] a = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (x, w1)
   [relu1] b = Sigmoid (a)
   [second] c = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (b, w2)
   [relu2] d = Relu (c)
   [tanh] e = Tanh (d)
   [exp] f = Exp (e)
   [sum] g = Add (f, b)
   [fold] y = Reshape (g, shape)
   [pool] z = GlobalAveragePool (y)
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = onnx.parser.parse_model(MODEL)
    rng = np.random.default_rng(0)
    for info in list(model.graph.value_info):
        if info.name in ("w1", "w2"):
            shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
            weight = rng.standard_normal(shape).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(weight, info.name))
    onnx.save(model, tmp_path / "model.onnx")
    (tmp_path / "passes.py").write_text(PASSES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nodes(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_a_wrong_pass_on_starnet_is_reduced_to_its_site(tmp_path: Path) -> None:
    model = tmp_path / "starnet.onnx"
    shutil.copy(ROOT / "examples" / "starnet.onnx", model)
    result = run(
        "reduce", model, "--plugin", WRONG, "--passes", "wrong-gridsample", "--time", 300, "--json"
    )
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert (report["pass"], report["kind"], report["nodes_before"]) == (
        "wrong-gridsample",
        "numbers",
        1079,
    )
    assert "GridSample" in nodes(tmp_path / "starnet.reduced.onnx")
    assert report["nodes_after"] == len(nodes(tmp_path / "starnet.reduced.onnx")) <= 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "starnet.onnx",
        "starnet.reduced.npz",
        "starnet.reduced.onnx",
    ]


def test_the_command_it_prints_fails_in_the_same_way(folder: Path) -> None:
    result = run("reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-abs")
    assert result.code == 0, result.err
    assert nodes(folder / "model.reduced.onnx") == ["Conv", "Relu"]
    command = result.out.rpartition("reproduce with: graphfix ")[2]
    again = run(*shlex.split(command))
    assert again.code == 1
    assert "error: relu-as-abs: output 'd': max |diff|" in again.err


def test_sizes_are_shrunk(folder: Path) -> None:
    assert run("reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-abs").code == 0
    with np.load(folder / "model.reduced.npz") as feed:
        assert sum(array.size for array in feed.values()) <= 8


def test_a_pass_that_raises(folder: Path) -> None:
    result = run(
        "reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-max,stumble", "--json"
    )
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert (report["pass"], report["kind"]) == ("stumble", "crash KeyError")
    assert report["pipeline"] == "stumble"
    assert nodes(folder / "model.reduced.onnx") == ["Tanh"]


def test_a_pass_that_ends_the_process(folder: Path) -> None:
    result = run(
        "reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-max,fall",
        "--tries", 25, "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert (report["pass"], report["kind"]) == ("fall", "killed by SIGSEGV")
    assert nodes(folder / "model.reduced.onnx") == ["Tanh", "Exp"]


def test_a_pair_that_does_not_fail(folder: Path) -> None:
    result = run("reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-max")
    assert result.code == 1
    assert result.out == ("relu-as-max does not fail on model.onnx; there is nothing to reduce\n")
    assert not (folder / "model.reduced.onnx").exists()


def test_the_same_model_comes_out_every_time(folder: Path) -> None:
    results = []
    for _ in range(2):
        run("reduce", "model.onnx", "--plugin", "passes.py", "--passes", "relu-as-abs")
        results.append((folder / "model.reduced.onnx").read_bytes())
    assert results[0] == results[1]
