"""Precision files from selectors, so that nobody writes down the node names of an exporter."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.errors import UsageError
from graphfix.rewrite.select import Selector


@dataclass(frozen=True)
class PrecisionPlan:
    """Which nodes are computed how; selectors as in ``select=`` of a pass."""

    high_precision: tuple[str, ...] = ()
    high_performance: tuple[str, ...] = ()
    keep_dtype: tuple[str, ...] = ()


def op_precision_file(graph: ir.Graph, plan: PrecisionPlan) -> str:
    """The text for ``--op_precision_mode``; empty where no node is selected for it.

    Raises:
        UsageError: a selector matches nothing, or a node is to be both.
    """
    modes: dict[str, str] = {}
    for mode, selectors in (
        ("high_precision", plan.high_precision),
        ("high_performance", plan.high_performance),
    ):
        for name in _selected(graph, selectors, f"--{mode.replace('_', '-')}"):
            if modes.setdefault(name, mode) != mode:
                raise UsageError(f"node {name!r} is selected for both precision and performance")
    if not modes:
        return ""
    return "\n".join(("[ByNodeName]", *(f"{name}={mode}" for name, mode in modes.items()), ""))


def keep_dtype_file(graph: ir.Graph, plan: PrecisionPlan) -> str:
    """The text for ``--keep_dtype``; empty where no node is selected for it.

    Raises:
        UsageError: a selector matches nothing.
    """
    names = _selected(graph, plan.keep_dtype, "--keep-dtype")
    return "".join(f"{name}\n" for name in names)


def _selected(graph: ir.Graph, selectors: Sequence[str], option: str) -> list[str]:
    names: dict[str, None] = {}
    for text in selectors:
        nodes = Selector(text).filter(graph)
        if not nodes:
            raise UsageError(f"{option} {text!r} selects no node")
        for node in nodes:
            # Both files have one name to a line; one of them ends it at '='.
            if not node.name or "\n" in node.name or "=" in node.name:
                raise UsageError(f"{option} {text!r}: the name {node.name!r} cannot be in a file")
            names[node.name] = None
    return list(names)
