"""Single facts about a target, each with where it comes from."""

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Evidence(Enum):
    """How well a fact is known. Nothing was run on ATC."""

    SOURCE = "source"
    """Read in the source code of a release."""
    DOC = "doc"
    """A page of the documentation says so."""
    INFERENCE = "inference"
    """Concluded from other facts."""
    USER = "user"
    """Said by a target file of the user."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Support:
    """Whether an operator is registered at an opset; ``verdict`` is ``None`` when nobody knows."""

    verdict: bool | None
    evidence: Evidence
    citation: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "evidence": self.evidence.value}


@dataclass(frozen=True)
class Kernel:
    """The kernels of one operator of GE on a SoC, as of 2022; later releases add kernels."""

    ge_operator: str
    ai_core: bool | None
    """``None`` where no public table has the chip."""
    ai_core_types: tuple[str, ...]
    """Types of the 310P kernel where the table lists them; empty when it does not."""
    ai_cpu: bool
    ai_cpu_types: tuple[str, ...]
    citation: str = "canndev 2022-06-30: tbe/op_info_cfg/ai_core, aicpu/op_info_cfg"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
