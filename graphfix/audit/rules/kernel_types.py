"""GF121: element types that the AI Core does not take."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Kernel, Profile

_WIDE: Final = {ir.DataType.INT64: "int64", ir.DataType.DOUBLE: "double"}
_MOVES: Final = frozenset(
    {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size", "Cast", "Constant"}
)
"""They describe or hand over, and compute nothing that would need a kernel for the type."""

_REMEDY: Final = {ir.DataType.INT64: "int64-to-int32", ir.DataType.DOUBLE: "double-to-float"}


class KernelTypes(Rule):
    """A node works on int64 or double, which its AI Core kernel did not list in 2022.

    It goes to the AI CPU when that has a kernel for the type. Some operators have none there at all
    (Maximum, Floor, Sqrt), and the conversion then fails. Mostly it is arithmetic on shapes, which
    ``fold-shapes`` turns into constants.
    """

    id = "GF121"
    title = "int64 or double on the AI Core"
    severity = Severity.SLOW
    citation = "canndev 2022-06-30: tbe/op_info_cfg/ai_core"
    covers = ("G2",)

    def applies(self, profile: Profile) -> bool:
        """The table lists types for the 310P alone."""
        return profile.soc.chip == "310p"

    def check(self, view: View) -> Iterator[Finding]:
        """Operator by operator and type by type."""
        for op_type in view.operators:
            kernels = [k for k in view.profile.kernels(op_type) if k.ai_core and k.ai_core_types]
            if not kernels or op_type in _MOVES:
                continue
            found: dict[ir.DataType, list[ir.Node]] = defaultdict(list)
            for node in view.of(op_type):
                value = view.input(node, 0)
                dtype = value.dtype if value is not None else None
                if node in view.foldable:
                    continue  # that it computes constants is a finding of its own
                if dtype in _WIDE and not any(_WIDE[dtype] in k.ai_core_types for k in kernels):
                    found[dtype].append(node)
            for dtype, nodes in found.items():
                name = _WIDE[dtype]
                shapes = [node for node in nodes if _on_shapes(node)]
                others = [node for node in nodes if not _on_shapes(node)]
                if shapes:
                    yield self._finding(op_type, name, shapes, kernels, view, "fold-shapes")
                if others:
                    yield self._finding(op_type, name, others, kernels, view, _REMEDY[dtype])

    def _finding(
        self,
        op_type: str,
        name: str,
        nodes: list[ir.Node],
        kernels: list[Kernel],
        view: View,
        remedy: str,
    ) -> Finding:
        on_cpu = any(name in kernel.ai_cpu_types for kernel in kernels)
        where = "runs on the AI CPU" if on_cpu else "had no kernel in 2022"
        return self.finding(f"{op_type} of {name} {where}", *view.labels(nodes), remedy=remedy)


def _on_shapes(node: ir.Node) -> bool:
    """Whether the node works on sizes: what leads to it begins with Shape or Size."""
    for _ in range(12):
        if node.op_type in ("Shape", "Size"):
            return True
        producers = [v.producer() for v in node.inputs if v is not None]
        made = [p for p in producers if p is not None and p.op_type != "Constant"]
        if not made:
            return False
        node = made[0]
    return False
