"""Start a new adapter: its module, its export script, and its row in the plugin table."""

import enum
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from graphfix.errors import UsageError
from graphfix.stages.new_files import NewFiles, check_plugin_file, python_names, write_all
from graphfix.stages.plugin_table import Kind, find_table


class Framework(enum.Enum):
    """What the model is exported from."""

    TORCH = "torch"
    PADDLE = "paddle"


_NEEDS = {
    Framework.TORCH: {
        "requires": '"torch", "onnx"',
        "install": "pip install torch onnx",
        "opset": "13",
    },
    Framework.PADDLE: {
        "requires": '"paddle", "paddle2onnx"',
        "install": "pip install paddlepaddle paddle2onnx",
        "opset": "11",
    },
}


def new_adapter(name: str, project: Path, framework: Framework) -> NewFiles:
    """Write a working adapter called ``name`` into the plugin project in the folder ``project``.

    The module goes beside the plugin table, the export script into ``export/`` there. No file is
    overwritten, and on any error nothing has changed.

    Raises:
        UsageError: the name is not kebab-case or taken, or the folder is no plugin project.
    """
    module, class_name = python_names(name, "an adapter")
    table = find_table(project, Kind.ADAPTERS)
    if name in table.names():
        raise UsageError(f"{table.path}: there is already an adapter called {name!r}")
    folder = table.path.parent
    script = f"export/{module}.py"
    words = {"name": name, "class_name": class_name, "script": script}
    created = {
        folder / f"{module}.py": _text("adapter", words, framework),
        folder / script: _text(f"export_{framework.value}", words, framework),
    }
    row = {table.path: table.with_row(name, f"{table.package}.{module}:{class_name}")}
    write_all("adapter", created, row)
    return NewFiles(name, tuple(created), table.path)


def new_adapter_file(name: str, path: Path, framework: Framework) -> NewFiles:
    """Write a working adapter called ``name`` into ``path``, for ``--plugin``.

    Its export script is ``export_<module>.py`` beside it.

    Raises:
        UsageError: the name is not kebab-case, or a path is taken or no Python file.
    """
    module, class_name = python_names(name, "an adapter")
    check_plugin_file(path)
    script = f"export_{module}.py"
    words = {"name": name, "class_name": class_name, "script": script}
    created = {
        path: _text("adapter", words, framework),
        path.with_name(script): _text(f"export_{framework.value}", words, framework),
    }
    write_all("adapter", created, {})
    return NewFiles(name, tuple(created), None)


def _text(template: str, words: Mapping[str, str], framework: Framework) -> str:
    source = files("graphfix.stages") / "templates" / f"{template}.py.txt"
    return Template(source.read_text("utf-8")).substitute(words, **_NEEDS[framework])
