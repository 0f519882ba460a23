"""Properties of the project as a whole: layout, imports, start-up, what passes must bring."""

import ast
import inspect
import itertools
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import graphfix_passes
from graphfix.pipeline import option_fields, options_help
from graphfix.plugins import load_registry
from graphfix.rewrite.base import Pass
from tests import golden

ROOT = Path(__file__).parents[1]
PASSES = sorted(graphfix_passes.PLUGIN.passes)
HEADINGS = ("Why", "Rewrites", "Leaves alone", "Numerics", "Options")
SOURCE_ROOTS = (ROOT, ROOT / "passes", ROOT / "model_adapters")


def tracked_files() -> list[Path]:
    """The files under version control; without git, those of a released source tree."""
    if not (ROOT / ".git").exists():
        return [path for path in ROOT.rglob("*") if path.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def pass_class(name: str) -> type[Pass]:
    return load_registry(also={"graphfix-passes": graphfix_passes.PLUGIN}).pass_class(name)


def test_top_level_holds_what_the_documentation_says() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    needed = {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "changelog.d",
        "cli.py",
        "docs",
        "examples",
        "golden",
        "graphfix",
        "model_adapters",
        "noxfile.py",
        "passes",
        "pyproject.toml",
        "tests",
        "uv.lock",
    }
    assert needed <= found
    assert found - needed <= {
        ".ci",
        ".gitattributes",
        ".github",
        ".gitignore",
        "benchmarks",
        "tools",
    }


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    places = re.compile(r"(?<![\w.$}~-])/(?:root|home|Users|tmp|work|mnt|workspace)/[\w.-]+")
    allowed = {"uv.lock"}
    found = []
    for path in tracked_files():
        if path.name in allowed or path.suffix in {".onnx", ".npz", ".npy", ".bin", ".png"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {hit}" for hit in places.findall(line)]
    assert found == []


def test_versions_agree() -> None:
    import graphfix

    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    match = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert match is not None
    assert match[1] == graphfix.__version__


def test_links_in_the_documentation_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in tracked_files()
        if path.suffix == ".md"
        for target in link.findall(
            re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
        )
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_wheel_holds_exactly_the_three_packages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"graphfix", "graphfix_passes", "graphfix_adapters"}
    assert "graphfix/py.typed" in names
    sources = {
        path.relative_to(root).as_posix()
        for root, package in zip(
            SOURCE_ROOTS, ("graphfix", "graphfix_passes", "graphfix_adapters"), strict=True
        )
        for path in (root / package).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == sources


def loaded_modules(*arguments: str) -> set[str]:
    """The modules in memory after the command has run in a fresh interpreter."""
    code = (
        "import sys, runpy, json, atexit\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n"
        f"sys.argv = {['cli.py', *arguments]!r}\n"
        "runpy.run_path('cli.py', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments", [("--help",), ("apply", "--help"), ("passes", "--help"), ("--version",)]
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = {"torch", "onnxruntime", "onnx", "onnx_ir", "sympy", "numpy", "onnxsim", "yaml"}
    assert heavy & loaded_modules(*arguments) == set()


def test_listing_passes_runs_no_model() -> None:
    heavy = {"torch", "onnxruntime", "onnxsim", "onnx_graphsurgeon"}
    assert heavy & loaded_modules("passes") == set()


def imported_modules(path: Path) -> set[str]:
    """What a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_passes_import_no_runner_and_not_each_other() -> None:
    folder = ROOT / "passes" / "graphfix_passes"
    entries = {path.partition(":")[0] for path in graphfix_passes.PLUGIN.passes.values()}
    forbidden = (
        "graphfix.runners",
        "graphfix.verify",
        "graphfix.manager",
        "graphfix.stages",
        "graphfix.cli",
        "onnxruntime",
    )
    for path in folder.glob("*.py"):
        for name in imported_modules(path):
            assert not name.startswith(forbidden), f"{path.name} imports {name}"
            for entry in entries - {f"graphfix_passes.{path.stem}"}:
                assert not f"{name}.".startswith(f"{entry}."), f"{path.name} imports {name}"


def test_only_the_command_line_prints() -> None:
    for root, package in zip(
        SOURCE_ROOTS, ("graphfix", "graphfix_passes", "graphfix_adapters"), strict=True
    ):
        for path in (root / package).rglob("*.py"):
            if {"cli", "export"} & set(path.parts):
                continue
            text = path.read_text(encoding="utf-8")
            if "print(" not in text:  # parsing everything takes seconds
                continue
            calls = [
                node.func.id
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            ]
            assert "print" not in calls, path


def test_the_table_of_passes_is_sorted() -> None:
    assert list(graphfix_passes.PLUGIN.passes) == PASSES


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_has_a_golden_file(name: str) -> None:
    assert (ROOT / "golden" / "passes" / golden.file_of(name)).is_file()


def test_every_golden_file_belongs_to_a_pass() -> None:
    files = {path.name for path in (ROOT / "golden" / "passes").glob("*.md")}
    assert files <= {golden.file_of(name) for name in PASSES}


@pytest.mark.parametrize("name", PASSES)
def test_module_and_class_are_called_like_the_pass(name: str) -> None:
    path = graphfix_passes.PLUGIN.passes[name]
    family, _, own_name = name.rpartition(":")
    words = own_name.split("-")
    module, _, cls = path.partition(":")
    own_module = "_".join([family, *words] if family else words)
    assert module in (f"graphfix_passes.{own_module}", f"graphfix_passes.{family}_passes")
    assert cls.lower() == "".join(words)


@pytest.mark.parametrize("name", PASSES)
def test_the_docstring_of_a_pass_has_the_headings_in_order(name: str) -> None:
    summary, blank, *rest = [*inspect.cleandoc(pass_class(name).__doc__ or "").splitlines(), "", ""]
    assert summary.endswith(".")
    assert len(summary) <= 100
    assert blank == ""
    headings = [line for line in rest if line and not line.startswith(" ")]
    assert headings, "say at least why"
    assert headings == [heading for heading in HEADINGS if heading in headings]
    for heading, following in itertools.pairwise(line for line in rest if line):
        assert heading not in HEADINGS or following.startswith("    "), f"{heading} is empty"


@pytest.mark.parametrize("name", PASSES)
def test_each_option_has_a_sentence(name: str) -> None:
    cls = pass_class(name)
    helps = options_help(cls)
    for key, _, _ in option_fields(cls):
        assert helps.get(key, "").endswith("."), f"{name}: option {key!r} needs a sentence under it"
