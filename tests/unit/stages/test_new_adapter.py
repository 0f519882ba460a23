"""``new adapter``: what it writes works at once."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from graphfix.errors import UsageError
from graphfix.plugins import load_registry
from graphfix.stages.new_adapter import Framework, new_adapter, new_adapter_file
from tests.cli_runner import run

ROOT = Path(__file__).parents[3]
TABLE = """from graphfix.plugins import Plugin

PLUGIN = Plugin(adapters={})
"""
PYPROJECT = """[project]
name = "mine"
entry-points."graphfix.plugins".mine = "mine:PLUGIN"
"""
RED_OR_BLUE = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[N,3,64,64] image) => (float[N,2] scores)
<int64[2] places = {0, 2}>
{
   means = GlobalAveragePool (image)
   three = Flatten (means)
   scores = Gather <axis = 1> (three, places)
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(TABLE)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


@pytest.mark.parametrize("framework", list(Framework))
def test_what_is_written_is_in_style_and_typed(project: Path, framework: Framework) -> None:
    made = new_adapter("red-or-blue", project, framework)
    assert made.created == (
        project / "mine" / "red_or_blue.py",
        project / "mine" / "export" / "red_or_blue.py",
    )
    assert made.table is not None
    assert '"red-or-blue": "mine.red_or_blue:RedOrBlue",' in made.table.read_text("utf-8")
    for command in (
        ("ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "D"),
        ("ruff", "format", "--config", str(ROOT / "pyproject.toml"), "--check"),
        ("mypy", "--strict", "--cache-dir", os.devnull),
    ):
        paths = made.created[:1] if command[0] == "mypy" else made.created
        done = subprocess.run(
            [sys.executable, "-m", *command, *map(str, paths)],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    modules = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(made.created[1].read_text("utf-8")))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert framework.value in modules
    assert "graphfix" not in modules, "an old interpreter may lack it"


def test_a_file_goes_through_all_stages_with_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.parser.parse_model(RED_OR_BLUE), "model.onnx")
    made = run("new", "adapter", "red-or-blue", "--file", "mine.py")
    assert made.code == 0, made.err
    assert made.out.splitlines() == [
        "wrote mine.py",
        "wrote export_red_or_blue.py",
        "next: graphfix run red-or-blue --random-weights --plugin mine.py",
    ]
    done = run("run", "red-or-blue", "--plugin", "mine.py", "--model", "model.onnx")
    assert done.code == 0, done.out + done.err
    assert "top-1 1 over 4 samples" in done.out


def test_the_project_and_the_file_may_be_refused(project: Path) -> None:
    (project / "export_mine.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match=r"export_mine\.py: exists already"):
        new_adapter_file("mine", project / "adapter.py", Framework.TORCH)
    assert not (project / "adapter.py").exists()
    with pytest.raises(UsageError, match="'Mine' cannot name an adapter"):
        new_adapter("Mine", project, Framework.TORCH)
    new_adapter("mine", project, Framework.TORCH)
    with pytest.raises(UsageError, match="there is already an adapter called 'mine'"):
        new_adapter("mine", project, Framework.TORCH)
    (project / "mine" / "__init__.py").write_text(TABLE.replace("adapters", "passes"))
    with pytest.raises(UsageError, match=r"no table of adapters .* PLUGIN = Plugin\(adapters=\{\}"):
        new_adapter("other", project, Framework.TORCH)


def test_an_unknown_framework(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    result = run("new", "adapter", "a", "--file", file, "--framework", "jax")
    assert (result.code, result.err) == (
        2,
        "error: --framework 'jax' is not one of torch, paddle\n",
    )


def test_the_built_in_adapters_are_extended_the_same_way(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("passes", "model_adapters"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    new_adapter("a-b", tmp_path, Framework.PADDLE)
    table = (tmp_path / "model_adapters" / "graphfix_adapters" / "__init__.py").read_text("utf-8")
    assert '        "a-b": "graphfix_adapters.a_b:AB",\n' in table
    assert "a-b" not in load_registry().adapter_names(), "only the copy has changed"
