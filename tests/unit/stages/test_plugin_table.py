"""Adding a row to the source of a plugin table without touching anything else in it."""

from pathlib import Path

import pytest

from graphfix.errors import UsageError
from graphfix.stages.plugin_table import Kind, find_table

PYPROJECT = """
[project]
name = "mine"

[project.entry-points."graphfix.plugins"]
mine = "mine:PLUGIN"
"""

HEAD = '"""Passes of mine."""\n\nfrom graphfix.plugins import Plugin\n\n'


def project(folder: Path, table: str, *, pyproject: str = PYPROJECT, package: str = "mine") -> Path:
    (folder / "pyproject.toml").write_text(pyproject)
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_bytes((HEAD + table).encode())
    return folder


BETWEEN = """\
PLUGIN = Plugin(
    passes={
        "a": "mine.a:A",
+       "m": "mine.m:M",
        "z": "mine.z:Z",
    },
)
"""

BEFORE_COMMENT = """\
PLUGIN = Plugin(
    passes={
        "a": "mine.a:A",  # the first
+       "m": "mine.m:M",
        # more to come
    }
)
"""

FIRST = """\
PLUGIN = Plugin(
    passes={
+       "m": "mine.m:M",
        "z": (
            "mine.z"
            ":Z"
        ),
    },
)
"""

OF_TWO_TABLES = """\
OTHER = Plugin(
    passes={
        "x": "mine.x:X",
    }
)
PLUGIN = MAIN = Plugin(
    passes={
        "a": "mine.a:A",
+       "m": "mine.m:M",
    }
)
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("marked", [BETWEEN, BEFORE_COMMENT, FIRST, OF_TWO_TABLES])
def test_a_line_is_added_and_the_rest_is_kept(tmp_path: Path, marked: str, newline: str) -> None:
    lines = marked.splitlines()
    before = newline.join([*(line for line in lines if not line.startswith("+")), ""])
    after = newline.join([*(line.replace("+", " ", 1) for line in lines), ""])
    table = find_table(project(tmp_path, before), Kind.PASSES)
    assert table.with_row("m", "mine.m:M").decode() == HEAD + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'PLUGIN = Plugin(passes={\n    "a": "mine.a:A"  # none\n})\n',
            'PLUGIN = Plugin(passes={\n    "a": "mine.a:A",  # none\n    "m": "mine.m:M",\n})\n',
        ),
        (
            "PLUGIN = Plugin(passes={}, adapters={})\n",
            'PLUGIN = Plugin(passes={\n    "m": "mine.m:M",\n}, adapters={})\n',
        ),
        (
            'PLUGIN: Plugin = Plugin(passes={"é": "é:E"})\n',
            'PLUGIN: Plugin = Plugin(passes={\n    "m": "mine.m:M",\n    "é": "é:E",\n})\n',
        ),
    ],
    ids=["no comma", "empty", "one line"],
)
def test_a_table_is_brought_to_one_row_per_line(tmp_path: Path, before: str, after: str) -> None:
    table = find_table(project(tmp_path, before), Kind.PASSES)
    assert table.with_row("m", "mine.m:M").decode() == HEAD + after


@pytest.mark.parametrize(
    "table",
    [
        'PLUGIN = Plugin(passes={"a": "mine.a:A", **MORE})\n',
        'PLUGIN = Plugin(passes={\n    "a": (\n        "mine.a:A"\n    )\n})\n',
    ],
)
def test_a_table_that_cannot_be_edited_asks_for_the_row(tmp_path: Path, table: str) -> None:
    found = find_table(project(tmp_path, table), Kind.PASSES)
    with pytest.raises(UsageError) as caught:
        found.with_row("m", "mine.m:M")
    assert str(caught.value) == (
        f'{found.path}: the table cannot be edited; add this row to it: "m": "mine.m:M",'
    )


def test_the_names_in_the_table_are_known(tmp_path: Path) -> None:
    table = find_table(
        project(tmp_path, 'PLUGIN = Plugin(passes={"b": "x:X", "a": "x:Y"})\n'), Kind.PASSES
    )
    assert table.names() == ("b", "a")
    assert table.package == "mine"


@pytest.mark.parametrize("root", ["src", "passes"])
def test_the_package_may_lie_in_a_source_root(tmp_path: Path, root: str) -> None:
    folder = project(tmp_path, "PLUGIN = Plugin(passes={})\n", package=f"{root}/mine")
    assert find_table(folder, Kind.PASSES).path == folder / root / "mine" / "__init__.py"


def test_the_table_may_be_in_a_module_of_the_package(tmp_path: Path) -> None:
    folder = project(tmp_path, "", pyproject=PYPROJECT.replace("mine:PLUGIN", "mine.table:TABLE"))
    (folder / "mine" / "table.py").write_text("TABLE = Plugin(passes={})\n")
    table = find_table(folder, Kind.PASSES)
    assert (table.path, table.package) == (folder / "mine" / "table.py", "mine")


def test_a_plugin_without_passes_is_passed_over(tmp_path: Path) -> None:
    both = PYPROJECT + 'adapters = "adapters:PLUGIN"\n'
    folder = project(tmp_path, "PLUGIN = Plugin(passes={})\n", pyproject=both)
    (folder / "adapters").mkdir()
    (folder / "adapters" / "__init__.py").write_text("PLUGIN = Plugin(adapters={})\n")
    assert find_table(folder, Kind.PASSES).package == "mine"


ADVICE = (
    "run the command in a plugin project, name its folder with --project, or write a single file "
    "with --file and use it with --plugin"
)


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_table(tmp_path, Kind.PASSES)
    assert str(caught.value) == f"{tmp_path}: there is no pyproject.toml; {ADVICE}"


def test_a_project_without_the_entry_point(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    with pytest.raises(UsageError) as caught:
        find_table(tmp_path, Kind.PASSES)
    assert str(caught.value) == (
        f"{tmp_path / 'pyproject.toml'}: there is no entry point of the group "
        f"'graphfix.plugins'; {ADVICE}"
    )


def test_a_pyproject_that_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml: not TOML: "):
        find_table(tmp_path, Kind.PASSES)


@pytest.mark.parametrize(
    "table",
    ["PLUGIN = Plugin()\n", "PLUGIN = make()\n", "PLUGIN = 3\n", "def broken(:\n", ""],
)
def test_an_entry_point_that_leads_to_no_table(tmp_path: Path, table: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_table(project(tmp_path, table), Kind.PASSES)
    assert str(caught.value) == (
        f"{tmp_path}: there is no table of passes behind 'mine:PLUGIN'; it must be a module of a "
        "package with an assignment such as PLUGIN = Plugin(passes={})"
    )


def test_several_tables_of_passes(tmp_path: Path) -> None:
    both = PYPROJECT + 'more = "mine:MORE"\n'
    table = "PLUGIN = Plugin(passes={})\nMORE = Plugin(passes={})\n"
    with pytest.raises(UsageError) as caught:
        find_table(project(tmp_path, table, pyproject=both), Kind.PASSES)
    assert str(caught.value) == (
        f"{tmp_path}: 'mine:PLUGIN', 'mine:MORE' are 2 tables of passes, and one cannot be chosen; "
        "write it with --file and add it to the table it belongs to"
    )
