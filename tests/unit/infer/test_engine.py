"""Which models run on the CPU, and as what."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from graphfix.errors import ModelError
from graphfix.infer.engine import Engine
from tests.unit.infer.drive import run_ais_bench
from tests.unit.infer.models import write_model

SAMPLE = (
    '<ir_version: 8, opset_import: ["" : {opset}]> '
    "main (float[1,1,4,4] x, float[1,3,3,2] grid) => (float[1,1,3,3] y) "
    "{{ y = {op} <align_corners = 1> (x, grid) }}"
)


def write_text(path: Path, text: str) -> Path:
    onnx.save(onnx.parser.parse_model(text), path)
    return path


def test_a_file_for_atc_runs_as_the_onnx_that_it_stands_for(tmp_path: Path) -> None:
    foreign = Engine(write_text(tmp_path / "a.onnx", SAMPLE.format(opset=11, op="GridSample")))
    standard = Engine(write_text(tmp_path / "b.onnx", SAMPLE.format(opset=16, op="GridSample")))
    assert (foreign.raised, standard.raised) == (True, False)
    generator = np.random.default_rng(0)
    feeds = [
        generator.standard_normal((1, 1, 4, 4), np.float32),
        generator.uniform(-1.5, 1.5, (1, 3, 3, 2)).astype(np.float32),
    ]
    (ours,), (theirs,) = foreign.execute(feeds), standard.execute(feeds)
    assert np.array_equal(ours, theirs)
    assert theirs.any()


def test_the_command_says_that_it_reads_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(Path("a.onnx"), SAMPLE.format(opset=11, op="GridSample"))
    result = run_ais_bench("--model", "a.onnx")
    assert result.code == 0, result.out
    assert result.out.startswith(
        "[INFO] a.onnx: is written for ATC, and runs as the ONNX that it stands for\n"
    )


def test_an_unknown_operator_is_named_with_the_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.onnx", SAMPLE.format(opset=16, op="Mystery"))
    with pytest.raises(ModelError, match=r"a\.onnx: [\s\S]*Mystery[\s\S]*'graphfix raise'"):
        Engine(path)


def test_only_tensors_of_numbers_run(tmp_path: Path) -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 16]> '
        "main (string[1] x) => (string[1] y) { y = Identity (x) }"
    )
    with pytest.raises(ModelError, match="'x' is not a tensor of numbers, which is all that"):
        Engine(write_text(tmp_path / "a.onnx", text))


def test_an_initializer_that_is_an_input_is_none(tmp_path: Path) -> None:
    text = (
        '<ir_version: 3, opset_import: ["" : 8]> '
        "main (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }"
    )
    assert [each.name for each in Engine(write_text(tmp_path / "a.onnx", text)).inputs] == ["x"]


def test_bfloat16_is_described_and_run(tmp_path: Path) -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 16]> '
        "main (bfloat16[2] x) => (bfloat16[2] y, float[2] z) "
        "{ y = Identity (x) z = Cast <to = 1> (x) }"
    )
    engine = Engine(write_text(tmp_path / "a.onnx", text))
    assert engine.inputs[0].datatype.name == "bfloat16"
    data = np.array([1.5, -2], engine.inputs[0].datatype)
    y, z = engine.execute([data])
    assert (y.tobytes(), z.tolist()) == (data.tobytes(), [1.5, -2])


def test_weights_beside_the_model_are_found(tmp_path: Path) -> None:
    write_model("batch1", tmp_path)
    model = onnx.load(tmp_path / "m.onnx")
    onnx.save(model, tmp_path / "n.onnx", save_as_external_data=True, size_threshold=0)
    (y,) = Engine(tmp_path / "n.onnx").execute([np.ones((1, 3), np.float32)])
    assert y.tolist() == [[2, 2, 2]]
