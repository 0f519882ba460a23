"""All that is known of one operator on a target."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphfix.errors import UsageError
from graphfix.target import Kernel, Support, load_profile

OPSETS: Final = range(8, 27)
"""Opsets that are looked up: from the oldest that ATC took to the newest that onnxruntime runs."""


@dataclass(frozen=True)
class OperatorFacts:
    """One operator on one target, with where each fact comes from."""

    operator: str
    target: str
    becomes: tuple[str, ...]
    """Operators of GE."""
    ranges: tuple[tuple[str, Support], ...]
    """Opsets of equal support, such as ``8-18``."""
    kernels: tuple[Kernel, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "operator": self.operator,
            "target": self.target,
            "becomes": list(self.becomes),
            "support": [{"opsets": opsets, **s.to_dict()} for opsets, s in self.ranges],
            "kernels": [kernel.to_dict() for kernel in self.kernels],
        }


def operator_facts(
    operator: str, target: str, cann: str, extra: Sequence[Path] = ()
) -> OperatorFacts:
    """What the profile of a target says of an operator (``Name`` or ``domain::Name``).

    Raises:
        UsageError: nothing is known of the operator, the SoC or the release.
    """
    profile = load_profile(target, cann, extra)
    domain, _, name = operator.rpartition("::")
    if not profile.knows(name, domain):
        raise UsageError(
            f"no table has an operator {operator!r}; names are case-sensitive, and those of other "
            "domains are written domain::Name, such as npu::NPURoiAlign"
        )
    # Operators of other domains are registered at version 1 of theirs.
    opsets = OPSETS if domain in ("", "ai.onnx") else range(1, 2)
    ranges: list[tuple[int, int, Support]] = []
    for opset in opsets:
        support = profile.support(name, opset, domain)
        if ranges and ranges[-1][2] == support:
            ranges[-1] = (ranges[-1][0], opset, support)
        else:
            ranges.append((opset, opset, support))
    return OperatorFacts(
        operator,
        profile.name,
        profile.ge_operators(name, domain),
        tuple((f"{a}-{b}" if a < b else str(a), support) for a, b, support in ranges),
        profile.kernels(name),
    )
