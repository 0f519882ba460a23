"""Start a new pass: its module, its golden file, and its row in the plugin table."""

from pathlib import Path

from graphfix.errors import UsageError
from graphfix.stages.new_files import NewFiles, check_plugin_file, python_names, write_all
from graphfix.stages.plugin_table import Kind, find_table

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


def new_pass(name: str, project: Path) -> NewFiles:
    """Write a working pass called ``name`` into the plugin project in the folder ``project``.

    The module goes beside the plugin table, the golden file to ``golden/passes/``. No file is
    overwritten, and on any error nothing has changed.

    Raises:
        UsageError: the name is not kebab-case or taken, or the folder is no plugin project.
    """
    module, class_name = python_names(name, "a pass")
    table = find_table(project, Kind.PASSES)
    if name in table.names():
        raise UsageError(f"{table.path}: there is already a pass called {name!r}")
    pass_file = table.path.parent / f"{module}.py"
    golden_file = project / "golden" / "passes" / f"{name}.md"
    write_all(
        "pass",
        {
            pass_file: _MODULE.format(name=name, class_name=class_name),
            golden_file: _GOLDEN.format(name=name),
        },
        {table.path: table.with_row(name, f"{table.package}.{module}:{class_name}")},
    )
    return NewFiles(name, (pass_file, golden_file), table.path)


def new_pass_file(name: str, path: Path) -> NewFiles:
    """Write a working pass called ``name`` into the one file ``path``, for ``--plugin``.

    Raises:
        UsageError: the name is not kebab-case, or the path is taken or no Python file.
    """
    _, class_name = python_names(name, "a pass")
    check_plugin_file(path)
    write_all("pass", {path: _MODULE.format(name=name, class_name=class_name)}, {})
    return NewFiles(name, (path,), None)
