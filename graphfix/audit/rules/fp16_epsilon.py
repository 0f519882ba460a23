"""GF161: epsilons that are zero in float16."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_WITH_EPSILON: Final = (
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
)  # fmt: skip
_AFTER: Final = frozenset({"Sqrt", "Div", "Log", "Reciprocal", "Pow"})
"""What an epsilon protects."""


class Fp16Epsilon(Rule):
    """An epsilon is so small that float16 rounds it to zero.

    Below 6e-8 (half of it rounds to nothing) the division or root that it protects can meet zero.
    ATC computes in float16 unless told otherwise. Use 1e-7 or more, or keep the nodes in float32.
    """

    id = "GF161"
    title = "epsilon below float16"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = "documentation of --precision_mode; IEEE 754 binary16"
    covers = ("G3",)

    def check(self, view: View) -> Iterator[Finding]:
        """Attributes of normalisations, then constants that are added before a root or quotient."""
        for node in view.of(*_WITH_EPSILON):
            attribute = node.attributes.get("epsilon")
            value = attribute.value if attribute is not None else None
            if isinstance(value, float) and value > 0 and _vanishes(value):
                yield self._finding(value, view.label(node))
        for node in view.of("Add"):
            uses = (use for value in node.outputs for use in value.uses())
            if not any(use.node.op_type in _AFTER for use in uses):
                continue
            for given in node.inputs:
                constant = view.constant(given)
                if (
                    constant is not None
                    and constant.size == 1
                    and constant.dtype in (np.float32, np.float64)
                    and constant.item() > 0
                    and _vanishes(constant.item())
                ):
                    yield self._finding(constant.item(), view.label(node))

    def _finding(self, value: float, name: str) -> Finding:
        return self.finding(
            f"epsilon {value:.3g} is zero in float16",
            name,
            advice="use at least 1e-7, or keep the node in float32 (--keep_dtype)",
        )


def _vanishes(value: float) -> bool:
    return bool(np.float16(value) == 0)
