"""``new pass``: what it writes works at once, and it never leaves something half-written."""

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
from graphfix.stages.new_pass import new_pass, new_pass_file
from tests import golden

ROOT = Path(__file__).parents[3]
SOURCE_ROOTS = (ROOT, ROOT / "passes", ROOT / "model_adapters")

MODEL = """
<ir_version: 8, opset_import: ["" : 16]>
main (int64[3] a, int64[3] b) => (bool[3] y)
{
   [compare] y = GreaterOrEqual (a, b)
}
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A copy of the example plugin's project."""
    copy = tmp_path / "plugin"
    shutil.copytree(ROOT / "tests" / "example_plugin", copy)
    return copy


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def check(*command: str, cwd: Path) -> str:
    """Run a Python module in the folder; its output when it succeeds."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, SOURCE_ROOTS))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_three_things_are_written(plugin: Path) -> None:
    before = contents(plugin)
    made = new_pass("not-less", plugin)
    package = plugin / "graphfix_example"
    assert made.created == (package / "not_less.py", plugin / "golden" / "passes" / "not-less.md")
    assert made.table == package / "__init__.py"
    after = contents(plugin)
    assert set(after) - set(before) == {"graphfix_example/not_less.py", "golden/passes/not-less.md"}
    assert after["graphfix_example/__init__.py"] == before["graphfix_example/__init__.py"].replace(
        b'        "pow-to-mul"',
        b'        "not-less": "graphfix_example.not_less:NotLess",\n        "pow-to-mul"',
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"graphfix_example/__init__.py"}


def test_the_built_in_passes_are_extended_the_same_way(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("passes", "model_adapters"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    made = new_pass("not-less", tmp_path)
    assert made.created == (
        tmp_path / "passes" / "graphfix_passes" / "not_less.py",
        tmp_path / "golden" / "passes" / "not-less.md",
    )
    table = (tmp_path / "passes" / "graphfix_passes" / "__init__.py").read_text("utf-8")
    assert '        "not-less": "graphfix_passes.not_less:NotLess",\n' in table
    check("-m", "ruff", "format", "--check", str(tmp_path / "passes"), cwd=ROOT)


def test_the_new_pass_is_in_style_and_typed(plugin: Path) -> None:
    new_pass("not-less", plugin)
    config = str(ROOT / "pyproject.toml")
    check("-m", "ruff", "check", "--config", config, ".", cwd=plugin)
    check("-m", "ruff", "format", "--config", config, "--check", ".", cwd=plugin)
    check("-m", "mypy", "--strict", "--cache-dir", os.devnull, "graphfix_example", cwd=plugin)


def test_the_new_pass_can_be_applied(plugin: Path) -> None:
    new_pass("not-less", plugin)
    onnx.save(onnx.parser.parse_model(MODEL), plugin / "model.onnx")
    command = [
        "apply",
        "model.onnx",
        "--passes",
        "not-less",
        "--plugin",
        "graphfix_example/not_less.py",
    ]
    check(str(ROOT / "cli.py"), *command, cwd=plugin)
    result = onnx.load(plugin / "model.fixed.onnx")
    assert [node.op_type for node in result.graph.node] == ["Less", "Not"]


def test_the_golden_file_of_the_new_pass_holds(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_pass("not-less", plugin)
    registry = load_registry(made.created[:1])
    monkeypatch.setattr(golden, "registry", lambda: registry)
    cases = golden.read(made.created[1])
    assert [case.rewrites for case in cases] == [True, False]
    for case in cases:
        golden.run(case)


def test_a_single_file_can_be_applied(tmp_path: Path) -> None:
    made = new_pass_file("not-less", tmp_path / "mine.py")
    assert (made.created, made.table) == ((tmp_path / "mine.py",), None)
    onnx.save(onnx.parser.parse_model(MODEL), tmp_path / "model.onnx")
    command = ["apply", "model.onnx", "--passes", "not-less", "--plugin", "mine.py"]
    check(str(ROOT / "cli.py"), *command, cwd=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["", "Not-Less", "not_less", "-less", "less-", "not--less", "3d", "a b", "é", "../x", "import"],
)
def test_names_are_kebab_case_and_no_keywords(plugin: Path, name: str) -> None:
    before = contents(plugin)
    with pytest.raises(UsageError) as caught:
        new_pass(name, plugin)
    assert str(caught.value) == (
        f"{name!r} cannot name a pass: use lower-case words joined by dashes, such as "
        "'pow-to-mul', that are no Python keyword"
    )
    assert contents(plugin) == before


def test_a_name_that_is_taken(plugin: Path) -> None:
    before = contents(plugin)
    with pytest.raises(UsageError) as caught:
        new_pass("pow-to-mul", plugin)
    table = plugin / "graphfix_example" / "__init__.py"
    assert str(caught.value) == f"{table}: there is already a pass called 'pow-to-mul'"
    assert contents(plugin) == before


@pytest.mark.parametrize("taken", ["graphfix_example/not_less.py", "golden/passes/not-less.md"])
def test_no_file_is_overwritten(plugin: Path, taken: str) -> None:
    (plugin / taken).write_text("mine")
    before = contents(plugin)
    with pytest.raises(UsageError) as caught:
        new_pass("not-less", plugin)
    assert str(caught.value) == f"{plugin / taken}: exists already and is not overwritten"
    assert contents(plugin) == before


def test_a_single_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.py: exists already and is not overwritten"):
        new_pass_file("not-less", tmp_path / "mine.py")


def test_a_single_file_is_a_python_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine\.txt: a plugin file must end in \.py"):
        new_pass_file("not-less", tmp_path / "mine.txt")
    assert contents(tmp_path) == {}


def test_nothing_is_left_when_the_disk_is_full(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    before = contents(plugin)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError) as caught:
        new_pass("not-less", plugin)
    assert str(caught.value) == (
        "cannot write the new pass: [Errno 28] No space left on device; nothing was changed"
    )
    assert contents(plugin) == before


def test_nothing_is_left_when_the_golden_folder_is_a_file(plugin: Path) -> None:
    shutil.rmtree(plugin / "golden")
    (plugin / "golden").write_text("in the way")
    before = contents(plugin)
    with pytest.raises(UsageError, match=r"cannot write the new pass: .*; nothing was changed"):
        new_pass("not-less", plugin)
    assert contents(plugin) == before


def test_the_example_in_the_docstring_says_what_the_skip_says(plugin: Path) -> None:
    new_pass("not-less", plugin)
    module = ast.parse((plugin / "graphfix_example" / "not_less.py").read_text("utf-8"))
    (cls,) = [node for node in module.body if isinstance(node, ast.ClassDef)]
    reason = "he inputs are not known to be integers: NaN compares differently"
    assert reason in (ast.get_docstring(cls) or "")
    assert reason in (plugin / "golden" / "passes" / "not-less.md").read_text("utf-8")
