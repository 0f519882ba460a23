"""Start a new pass: its module, its golden file, and its row in the plugin table."""

import keyword
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphfix.errors import UsageError
from graphfix.plugins import PASS_NAME
from graphfix.stages.plugin_table import find_table

_MODULE = '''"""The pass ``{name}``."""

from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip


@dataclass(frozen=True)
class {class_name}(RewritePass):
    """Replace ``GreaterOrEqual`` of integers by ``Not`` of ``Less``.

    Why
        A working example to start from: write here what goes wrong on the target without the pass.

    Rewrites
        1. ``GreaterOrEqual(a, b)`` becomes ``Not(Less(a, b))``.

    Leaves alone
        - The inputs are not known to be integers: NaN compares differently.
    """

    name = "{name}"
    match_ops = ("GreaterOrEqual",)
    contract = Exact()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """Build the replacement of one GreaterOrEqual."""
        left, right = node.inputs
        if left is None or left.dtype is None or not left.dtype.is_integer():
            return rw.skip("the inputs are not known to be integers: NaN compares differently")
        return rw.op("Not", rw.op("Less", left, right))
'''

_GOLDEN = """# {name}

## Integers

Each comparison becomes two nodes.

```onnx before
<ir_version: 8, opset_import: ["" : 16]>
main (int64[N] a, int64[3] b) => (bool[M] y)
{{
   [compare] y = GreaterOrEqual (a, b)
}}
```

```onnx after
<
   ir_version: 8,
   opset_import: ["" : 16]
>
main (int64[N] a, int64[3] b) => (bool[M] y) {{
   ["compare/Less_0"] "compare/Less_0" = Less (a, b)
   ["compare/Not_0"] y = Not ("compare/Less_0")
}}
```

```toml
dims.N = [1, 3]
feeds.a = {{ low = -2, high = 2 }}
feeds.b = {{ values = [-1, 0, 1] }}
```

## Floats

NaN is neither less than a number nor greater or equal.

```onnx before
<ir_version: 8, opset_import: ["" : 16]>
main (float[3] a, float[3] b) => (bool[3] y)
{{
   [compare] y = GreaterOrEqual (a, b)
}}
```

```toml
skips = ["the inputs are not known to be integers: NaN compares differently"]
```
"""


@dataclass(frozen=True)
class NewPass:
    """What was written: ``created`` are new files, ``table`` is the module that got the row."""

    name: str
    created: tuple[Path, ...]
    table: Path | None

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "created": [str(path) for path in self.created],
            "table": str(self.table) if self.table else None,
        }


def new_pass(name: str, project: Path) -> NewPass:
    """Write a working pass called ``name`` into the plugin project in the folder ``project``.

    The module goes beside the plugin table, the golden file to ``golden/passes/``. No file is
    overwritten, and on any error nothing has changed.

    Raises:
        UsageError: the name is not kebab-case or taken, or the folder is no plugin project.
    """
    module, class_name = _python_names(name)
    table = find_table(project)
    if name in table.names():
        raise UsageError(f"{table.path}: there is already a pass called {name!r}")
    pass_file = table.path.parent / f"{module}.py"
    golden_file = project / "golden" / "passes" / f"{name}.md"
    _write_all(
        {
            pass_file: _MODULE.format(name=name, class_name=class_name),
            golden_file: _GOLDEN.format(name=name),
        },
        {table.path: table.with_row(name, f"{table.package}.{module}:{class_name}")},
    )
    return NewPass(name, (pass_file, golden_file), table.path)


def new_pass_file(name: str, path: Path) -> NewPass:
    """Write a working pass called ``name`` into the one file ``path``, for ``--plugin``.

    Raises:
        UsageError: the name is not kebab-case, or the path is taken or no Python file.
    """
    _, class_name = _python_names(name)
    if path.suffix != ".py":
        raise UsageError(f"{path}: a plugin file must end in .py")
    _write_all({path: _MODULE.format(name=name, class_name=class_name)}, {})
    return NewPass(name, (path,), None)


def _python_names(name: str) -> tuple[str, str]:
    module = name.replace("-", "_")
    if not PASS_NAME.fullmatch(name) or keyword.iskeyword(module):
        raise UsageError(
            f"{name!r} cannot name a pass: use lower-case words joined by dashes, such as "
            "'pow-to-mul', that are no Python keyword"
        )
    return module, "".join(word.capitalize() for word in name.split("-"))


def _write_all(created: Mapping[Path, str], changed: Mapping[Path, bytes]) -> None:
    """Write all files or none: new ones must not exist yet, changed ones are replaced."""
    taken = [path for path in created if path.exists()]
    if taken:
        raise UsageError(f"{taken[0]}: exists already and is not overwritten")
    written: list[Path] = []
    try:
        for path, text in created.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
        for path, data in changed.items():
            temporary = path.with_name(f".{path.name}.new")
            written.append(temporary)
            temporary.write_bytes(data)
            os.replace(temporary, path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UsageError(f"cannot write the new pass: {error}; nothing was changed") from error
