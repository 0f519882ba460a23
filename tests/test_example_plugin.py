"""The example plugin as a third party's: really built, installed, found and used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import graphfix_passes
from graphfix.plugins import load_registry
from tests import golden

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "tests" / "example_plugin"

MODEL = """
<ir_version: 8, opset_import: ["" : 16]>
main (float[N,3] x) => (float[N,3] y)
<float two = {2.0}>
{
   [square] y = Pow (x, two)
}
"""

LIST_PASSES = """
from graphfix.plugins import load_registry
registry = load_registry()
print(registry.origin("pow-to-mul"))
print(registry.pass_class("pow-to-mul").__module__)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin installed by pip, from a copy: building writes beside sources."""
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*install, *offline, str(EXAMPLE)], check=True, cwd=target)
    return target


def run_with(site: Path, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    paths = [str(site), str(ROOT), str(ROOT / "passes"), str(ROOT / "model_adapters")]
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_registry_finds_the_installed_plugin(site: Path, tmp_path: Path) -> None:
    done = run_with(site, "-c", LIST_PASSES, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (
        "plugin 'example' of graphfix-example 1.2.3\ngraphfix_example.pow_to_mul\n",
        "",
    )


def test_command_line_uses_the_installed_plugin(site: Path, tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(MODEL), tmp_path / "model.onnx")
    command = ["apply", "model.onnx", "--passes", "pow-to-mul{max-power=2}", "--json"]
    done = run_with(site, str(ROOT / "cli.py"), *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert [step["text"] for step in report["steps"]] == ["pow-to-mul{max-power=2}"]
    result = onnx.load(tmp_path / "model.fixed.onnx")
    assert [node.op_type for node in result.graph.node] == ["Mul"]


def test_passes_lists_builtin_and_installed_passes(site: Path, tmp_path: Path) -> None:
    done = run_with(site, str(ROOT / "cli.py"), "passes", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    origins = {entry["name"]: entry["origin"] for entry in json.loads(done.stdout)}
    assert origins["pow-to-mul"] == "graphfix-example 1.2.3"
    assert "gridsample" in origins


CASES = golden.read(EXAMPLE / "golden" / "passes" / "pow-to-mul.md")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_golden_case(
    case: golden.Case, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = EXAMPLE / "graphfix_example" / "pow_to_mul.py"
    registry = load_registry([file], also={"graphfix-passes": graphfix_passes.PLUGIN})
    monkeypatch.setattr(golden, "registry", lambda: registry)
    golden.run(case, update=update_golden)
