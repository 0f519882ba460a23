"""``graphfix check-atc``."""

import json
from pathlib import Path

import pytest

from graphfix.model import from_text, save
from tests.cli_runner import run

RIGHT = "atc --framework=5 --model=m.onnx --output=m --soc_version=Ascend310P3 --input_shape=x:1,3"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    text = '<ir_version: 8, opset_import: ["" : 11]> g (float[N,3] x) => (float[N,3] y)'
    save(from_text(text + "{ [relu] y = Relu (x) }"), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_command_after_two_dashes(model: Path) -> None:
    result = run("check-atc", model, "--", *RIGHT.split())
    assert (result.code, result.out.splitlines()[0]) == (0, "no finding")
    result = run("check-atc", model, "--", *RIGHT.replace("x:1,3", "x:1").split())
    assert result.code == 1
    assert "'x' has 2 dims in the model, 1 in --input_shape (E10049)" in result.out


def test_a_readme_is_read_without_a_shell(model: Path) -> None:
    readme = model.with_name("README.md")
    line = RIGHT.replace("x:1", "x:${bs}").replace(" --out", " \\\n    --out")
    readme.write_text(f"```\n{line} --log=$(touch ran)\n\natc --model=m.onnx --keep_dtype=k\n```\n")
    result = run("check-atc", model, "--script", readme, "--set", "bs=8", "--json")
    assert result.code == 1
    found = json.loads(result.out)
    first, second = found["commands"]
    assert first["line"] == 2
    assert first["words"][-2:] == ["--input_shape=x:8,3", "--log=$(touch ran)"]
    assert [finding["rule"] for finding in first["findings"]] == ["GF408"]
    assert second["line"] == 5
    assert {"GF404", "GF423", "GF453"} == {finding["rule"] for finding in second["findings"]}
    assert sorted(path.name for path in model.parent.iterdir()) == ["README.md", "m.onnx"]


def test_commands_for_other_models_are_left_out(model: Path) -> None:
    readme = model.with_name("README.md")
    lines = (RIGHT, RIGHT.replace("m.onnx", "n.onnx"), RIGHT.replace("m.onnx", "$name.onnx"))
    readme.write_text("\n".join(lines))
    found = json.loads(run("check-atc", model, "--script", readme, "--json").out)
    assert [command["line"] for command in found["commands"]] == [1, 3]
    assert found["others"] == 1


def test_files_are_looked_for_beside_the_script(model: Path) -> None:
    (model.parent / "k.cfg").write_text("relu\n")
    script = model.with_name("run.sh")
    script.write_text(f"{RIGHT} --keep_dtype=k.cfg\n")
    assert run("check-atc", model, "--script", script).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one command: "),
        (("--command", "atc", "--", "atc"), "give one command: "),
        (("--command", RIGHT, "--cann", "3"), "--cann '3' is not one of"),
        (("--command", RIGHT, "--set", "bs"), "--set 'bs' must look like bs=8"),
        (("--script", "none.sh"), "none.sh: cannot be read"),
    ],
)
def test_wrong_usage(model: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("check-atc", model, *arguments)
    assert result.code == 2
    assert result.err.startswith(f"error: {message}")


def test_a_script_without_a_command(model: Path) -> None:
    script = model.with_name("run.sh")
    script.write_text("echo atc\n# atc --model=m.onnx\n")
    result = run("check-atc", model, "--script", script)
    assert (result.code, result.err) == (
        2,
        f"error: {script}: there is no line with 'atc --model=…' in it\n",
    )


def test_explain_knows_the_rules() -> None:
    result = run("explain", "GF441")
    assert result.code == 0
    assert result.out.startswith("GF441: out-nodes\n")
    assert "SetOutputsInfo" in result.out
