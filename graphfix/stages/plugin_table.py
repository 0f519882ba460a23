"""Find the table of passes or adapters in a plugin project's source, and add a row to its text."""

import ast
import enum
import sys
from dataclasses import dataclass
from pathlib import Path

from graphfix.errors import UsageError
from graphfix.plugins import GROUP

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ADVICE = (
    "run the command in a plugin project, name its folder with --project, or write a single file "
    "with --file and use it with --plugin"
)


class Kind(enum.Enum):
    """What a table names: the keyword of ``Plugin`` that it is given by."""

    PASSES = "passes"
    ADAPTERS = "adapters"


@dataclass(frozen=True)
class PluginTable:
    """The literal ``passes={...}`` or ``adapters={...}`` in the source of a plugin table.

    ``package`` is the package that holds the module ``path``; what is new goes beside it.
    """

    kind: Kind
    package: str
    attribute: str
    path: Path
    source: bytes
    rows: ast.Dict

    def names(self) -> tuple[str, ...]:
        """The names in the table, in its order."""
        return tuple(str(key.value) for key in self.rows.keys if isinstance(key, ast.Constant))

    def with_row(self, name: str, path: str) -> bytes:
        """The source with one more row, before the first name that sorts after it.

        Raises:
            UsageError: the table is written in a way that cannot be edited.
        """
        row = f'"{name}": "{path}",'
        edited = self._inserted(name, row) if self._one_row_per_line() else self._rebuilt(row)
        rows = _rows(edited, self.attribute, self.kind)
        if rows is None or _pairs(rows) != _pairs(self.rows) | {(repr(name), repr(path))}:
            raise UsageError(f"{self.path}: the table cannot be edited; add this row to it: {row}")
        return edited

    def _one_row_per_line(self) -> bool:
        starts = [self.rows.lineno, *(value.lineno for value in self.rows.values)]
        return len(starts) > 1 and len(set(starts)) == len(starts)

    def _inserted(self, name: str, row: str) -> bytes:
        """The row on a line of its own in a table that has one row per line."""
        lines = self.source.splitlines(keepends=True)
        keys = [key for key in self.rows.keys if isinstance(key, ast.Constant)]
        first_line = lines[(keys or self.rows.values)[0].lineno - 1]
        indent = first_line[: len(first_line) - len(first_line.lstrip())]
        newline = b"\r\n" if first_line.endswith(b"\r\n") else b"\n"
        later = [key for key in keys if str(key.value) > name]
        if later:
            at = later[0].lineno - 1
        else:
            last = self.rows.values[-1]
            at, end = last.end_lineno or 0, last.end_col_offset or 0
            head, tail = lines[at - 1][:end], lines[at - 1][end:]
            lines[at - 1] = head + (tail if tail.lstrip().startswith(b",") else b"," + tail)
        lines.insert(at, indent + row.encode() + newline)
        return b"".join(lines)

    def _rebuilt(self, row: str) -> bytes:
        """An empty or one-line table spread over lines, with the row among them."""
        lines = self.source.splitlines(keepends=True)
        line = lines[self.rows.lineno - 1]
        indent = line[: len(line) - len(line.lstrip())].decode()
        text = self.source.decode()
        old = [
            f"{ast.get_source_segment(text, key)}: {ast.get_source_segment(text, value)},"
            for key, value in zip(self.rows.keys, self.rows.values, strict=True)
            if key is not None
        ]
        body = "".join(f"{indent}    {item}\n" for item in sorted([*old, row]))
        before = sum(map(len, lines[: self.rows.lineno - 1])) + self.rows.col_offset
        segment = ast.get_source_segment(text, self.rows) or ""
        after = before + len(segment.encode())
        return self.source[:before] + f"{{\n{body}{indent}}}".encode() + self.source[after:]


def find_table(project: Path, kind: Kind) -> PluginTable:
    """The one table of this kind that the ``pyproject.toml`` in ``project`` registers.

    Raises:
        UsageError: the folder is no plugin project, or has no such table, or several.
    """
    points = _entry_points(project)
    found = [table for point in points if (table := _table(project, point, kind)) is not None]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(repr(point) for point in points)
    if found:
        raise UsageError(
            f"{project}: {listed} are {len(found)} tables of {kind.value}, and one cannot be "
            "chosen; write it with --file and add it to the table it belongs to"
        )
    raise UsageError(
        f"{project}: there is no table of {kind.value} behind {listed}; it must be a module of a "
        f"package with an assignment such as PLUGIN = Plugin({kind.value}={{}})"
    )


def _entry_points(project: Path) -> tuple[str, ...]:
    path = project / "pyproject.toml"
    if not path.is_file():
        raise UsageError(f"{project}: there is no pyproject.toml; {_ADVICE}")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from error
    points = document.get("project", {}).get("entry-points", {}).get(GROUP, {})
    if not points:
        raise UsageError(f"{path}: there is no entry point of the group {GROUP!r}; {_ADVICE}")
    return tuple(str(point) for point in points.values())


def _table(project: Path, point: str, kind: Kind) -> PluginTable | None:
    module, _, attribute = (part.strip() for part in point.partition(":"))
    for path in _module_files(project, module):
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        source = path.read_bytes()
        rows = _rows(source, attribute, kind)
        if package and rows is not None:
            return PluginTable(kind, package, attribute, path, source, rows)
    return None


def _module_files(project: Path, module: str) -> tuple[Path, ...]:
    """The files a module may be in: below the project folder, or a source root one level down."""
    tail = Path(*module.split("."))
    folders = sorted(item for item in project.iterdir() if item.is_dir())
    roots = [project, *(item for item in folders if not item.name.startswith((".", "build")))]
    candidates = [
        path for root in roots for path in (root / tail / "__init__.py", root / f"{tail}.py")
    ]
    return tuple(path for path in candidates if path.is_file())


def _rows(source: bytes, attribute: str, kind: Kind) -> ast.Dict | None:
    """The dict literal in ``attribute = Plugin(KIND={...})``."""
    try:
        module = ast.parse(source)
    except SyntaxError:
        return None
    for statement in module.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if not any(isinstance(item, ast.Name) and item.id == attribute for item in targets):
            continue
        value = getattr(statement, "value", None)
        for item in value.keywords if isinstance(value, ast.Call) else ():
            if item.arg == kind.value and isinstance(item.value, ast.Dict):
                return item.value
    return None


def _pairs(rows: ast.Dict) -> set[tuple[str, str]]:
    pairs = zip(rows.keys, rows.values, strict=True)
    return {(ast.unparse(key) if key else "**", ast.unparse(value)) for key, value in pairs}
