"""The verdict about a pass or a pipeline, as a frozen value."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from graphfix.verify.compare import OutputComparison


class Status(Enum):
    """What is known about the numbers."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_VERIFIED = "not verified"
    """Nothing could be compared, or not everything; the reason says why. Never taken for passed."""
    OFF = "off"
    """The user asked for no verification."""


class Mode(Enum):
    """What is run to verify a pass."""

    REGION = "region"
    """Each rewrite by itself, before and after, where that is possible."""
    FULL = "full"
    """The whole model before and after."""
    OFF = "off"


@dataclass(frozen=True)
class NarrowedRange:
    """What is known of a value that was given a narrower integer type."""

    value: str
    dtype: str
    """The narrower type."""
    seen_low: int | None
    """Smallest number in any run; ``None`` when the value was always empty."""
    seen_high: int | None
    derived_low: int | None
    """What no input can make it fall below; ``None`` when that is not known."""
    derived_high: int | None
    proven: bool
    """Whether the derived bounds fit the type."""
    fits: bool
    """Whether every number seen fits the type."""

    @property
    def worst(self) -> int | None:
        """The number seen that is furthest from zero."""
        return max(
            (each for each in (self.seen_low, self.seen_high) if each is not None),
            key=abs,
            default=None,
        )


@dataclass(frozen=True)
class Verification:
    """What was compared, how it came out, and why."""

    status: Status
    reason: str = ""
    """Why it failed or was not verified; for a pass that held, remarks such as weak evidence."""
    comparisons: tuple[OutputComparison, ...] = ()
    """One per output: its worst over all feeds."""
    contract: str = ""
    """Label of the contract the numbers were held to."""
    bindings: tuple[str, ...] = ()
    """Sizes the model ran at, such as ``N=4``."""
    feeds: tuple[str, ...] = ()
    """Labels of the feed sets: variant and seed, or file."""
    seconds: float = 0.0
    first_diverging: str = ""
    """The first tensor, in graph order, that differs beyond the contract; after a failure."""
    mode: Mode = Mode.FULL
    """What was run."""
    regions: int = 0
    """Rewrites, or groups of touching ones, that were run by themselves."""
    why_full: str = ""
    """Why the whole model was run although regions were asked for."""
    blame: Mapping[int, str] = field(default_factory=dict)
    """The rewrites that failed, by the number of their anchor, and how; empty when unknown."""

    ranges: tuple[NarrowedRange, ...] = ()
    """The integers that an ``InRange`` pass has narrowed."""

    @property
    def passed(self) -> bool:
        """Whether everything was compared and held."""
        return self.status is Status.PASSED

    @property
    def max_abs(self) -> float | None:
        """Largest |after - before| over all outputs; ``None`` when nothing was compared."""
        return max((c.max_abs for c in self.comparisons), default=None)

    @property
    def label(self) -> str:
        """Short text for tables."""
        return {
            Status.PASSED: "verified",
            Status.FAILED: "FAILED",
            Status.NOT_VERIFIED: "not verified",
            Status.OFF: "off",
        }[self.status]

    def to_dict(self) -> dict[str, Any]:
        """The verdict for JSON."""
        return {
            "status": self.status.value,
            "reason": self.reason,
            "contract": self.contract,
            "max_abs": _json_number(self.max_abs),
            "outputs": [comparison.to_dict() for comparison in self.comparisons],
            "bindings": list(self.bindings),
            "feeds": list(self.feeds),
            "first_diverging": self.first_diverging,
            "mode": self.mode.value,
            "regions": self.regions,
            "why_full": self.why_full,
            "ranges": [asdict(each) for each in self.ranges],
            "seconds": self.seconds,
        }

    def timed(self, seconds: float) -> "Verification":
        """The same verdict with its cost."""
        return replace(self, seconds=seconds)


def _json_number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


VERIFICATION_OFF = Verification(Status.OFF, "verification was switched off", mode=Mode.OFF)
"""The verdict of a run without verification."""

LATE = Verification(
    Status.NOT_VERIFIED, "the run ended before the rewrites were judged", mode=Mode.REGION
)
"""Stands for a verdict that comes later."""
