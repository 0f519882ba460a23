"""The child process of the ``auto-optimizer`` pass: one rule of that tool, from file to file.

Run as a script, by an interpreter that has the package ``msit``, in a folder with ``before.onnx``;
the one argument is JSON with the rule and, for the rule that asks for them, two nodes. Writes
``unedited.onnx`` (the model as the tool writes it when it does nothing) and, if the rule has found
something, ``after.onnx``. Ends with one line on what is wrong and status ``MISSING`` when a library
is missing.
"""

import importlib
import importlib.util
import json
import random
import sys
import types
from pathlib import Path
from typing import Any

MISSING = 3
"""Exit status for an interpreter without the libraries."""
PACKAGE = "components.debug.surgeon"
"""Folder of the distribution ``msit`` that holds the tool's own package."""
_BIG_KERNEL = "auto_optimizer.pattern.knowledges.big_kernel"
"""Where the rule is that is no part of the tool's pool of rules."""


def main(text: str) -> None:
    """Run the rule on ``before.onnx``."""
    options = json.loads(text)
    import numpy as np

    # One rule runs the model on random numbers to see what is constant.
    random.seed(0)
    np.random.seed(0)
    graphs = _module("auto_optimizer.graph_refactor.onnx.graph").OnnxGraph
    graphs.parse("before.onnx").save("unedited.onnx", save_as_external_data=True)
    graph = graphs.parse("before.onnx")
    knowledge = _knowledge(options, graph)
    # Not the tool's own loop over rules, which takes an exception for "nothing found".
    optimizer = _module("auto_optimizer.graph_optimizer.optimizer").GraphOptimizer
    if optimizer.optimize(graph, knowledge):
        graph.save("after.onnx", save_as_external_data=True)


def _knowledge(options: Any, graph: Any) -> Any:
    if options["nodes"]:
        _repair_big_kernel()
        module = f"{_BIG_KERNEL}.knowledge_big_kernel"
        return getattr(_module(module), options["knowledge"])(graph, *options["nodes"])
    pool = _module("auto_optimizer.pattern").KnowledgeFactory.get_knowledge_pool()
    knowledge = pool[options["knowledge"]]
    knowledge.reset()
    return knowledge


def _repair_big_kernel() -> None:
    """Hand a shape over as a list: the tool asks for its truth value, which no array has."""
    refactor = _module(f"{_BIG_KERNEL}.transform_refactor").TransformRefactor
    update = refactor.update_layernorm

    def with_list(self: Any, matches: Any, shape: Any) -> None:
        update(self, matches, shape if shape is None else [int(size) for size in shape])

    refactor.update_layernorm = with_list


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _find_tool() -> None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError("the package msit has no auto_optimizer")
    # Where the tool expects to be, as a distribution of its own.
    sys.path.insert(0, str(Path(next(iter(spec.submodule_search_locations or ())))))
    # Imported with the tool, used by other parts of it, and most of its size and start-up time.
    for name in ("onnxruntime", "pandas"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["pandas"].__dict__["DataFrame"] = object  # named in the signature of a function
    importlib.import_module("auto_optimizer")


if __name__ == "__main__":
    try:
        _find_tool()
        main(sys.argv[1])
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(MISSING)
    except Exception as error:  # noqa: BLE001  # the parent gets one line, not a traceback
        sys.exit(f"{type(error).__name__}: {error}")
