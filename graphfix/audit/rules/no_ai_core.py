"""GF120: operators without a kernel on the AI Core."""

from collections.abc import Iterator, Sequence
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile

_FUSED: Final = frozenset(
    {"Slice", "TopK", "Tile", "Expand", "Transpose", "Resize", "Range", "ArgMax", "CumSum", "Pad",
     "ConstantOfShape", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"}
)  # fmt: skip
"""With constant parameters they become other operators, which have kernels: rules of their own."""

_PASS: Final = {
    "Einsum": "einsum",
    "GatherElements": "gather-elements",
    "GridSample": "gridsample{mode=decompose}",
    "ScatterElements": "scatter",
    "Trilu": "trilu",
}
_CONSTANT: Final = {"ScatterElements": 1}
"""Which input has to be a constant for the pass, in one node at least."""


class NoAiCore(Rule):
    """As of 2022 an operator had a kernel for the AI CPU and none for the AI Core of the chip.

    It then runs one or two orders slower, with its data moved there and back. The tables are from
    mid 2022 and later releases add kernels, so this is never an error: ATC of the release tells.
    """

    id = "GF120"
    title = "no AI Core kernel in 2022"
    severity = Severity.SLOW
    citation = "canndev 2022-06-30: tbe/op_info_cfg/ai_core, aicpu/op_info_cfg"
    covers = (
        "GatherElements/1", "ScatterElements/1", "Sequence/1", "CumSum/1", "Det/1", "Trilu/1",
        "Multinomial/1", "ReverseSequence/1", "Einsum/1", "NonZero/1", "MaxUnpool/1", "Compress/1",
        "Unique/1",
    )  # fmt: skip

    def applies(self, profile: Profile) -> bool:
        """Where a table has the chip."""
        return profile.soc.chip is not None

    def check(self, view: View) -> Iterator[Finding]:
        """Operator by operator; one with several kernels counts when none of them is there."""
        for op_type in view.operators:
            kernels = view.profile.kernels(op_type)
            on_core = any(kernel.ai_core for kernel in kernels)
            if op_type in _FUSED or on_core or not any(kernel.ai_cpu for kernel in kernels):
                continue
            # That constants are computed is a finding of its own.
            nodes = [node for node in view.of(op_type) if node not in view.foldable]
            if not nodes:
                continue
            remedy = _PASS.get(op_type) if _is_open_to_it(nodes, view) else None
            yield self.finding(
                f"{op_type} ran on the AI CPU in 2022",
                *view.labels(nodes),
                remedy=remedy,
                advice="" if remedy else "look at the profile of a first run",
            )


def _is_open_to_it(nodes: Sequence[ir.Node], view: View) -> bool:
    port = _CONSTANT.get(nodes[0].op_type)
    return port is None or any(view.is_constant(view.input(node, port)) for node in nodes)
