"""What a metric finds: figures, and how many samples they stand for."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

from graphfix.errors import UsageError


class Unit(enum.Enum):
    """What the number of a figure counts."""

    FRACTION = "of 1"
    DECIBEL = "dB"


@dataclass(frozen=True)
class Figure:
    """One number of a metric; NaN when nothing could be counted."""

    name: str
    value: float
    unit: Unit = Unit.FRACTION
    lower_is_better: bool = False

    def to_dict(self) -> dict[str, object]:
        """For JSON, where a number that is not finite is text."""
        value = self.value if math.isfinite(self.value) else str(self.value)
        return {"name": self.name, "value": value, "unit": self.unit.value}


@dataclass(frozen=True)
class Score:
    """The figures of one metric; the first is the one that papers and model cards quote."""

    figures: tuple[Figure, ...]
    samples: int
    """How many things were judged."""
    counted: str
    """What these things are, such as ``images``."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know, such as samples that were left out."""

    def figure(self, name: str | None = None) -> Figure:
        """The figure called ``name``, or the first one.

        Raises:
            UsageError: there is none of this name.
        """
        if name is None:
            return self.figures[0]
        by_name: Mapping[str, Figure] = {item.name: item for item in self.figures}
        if name not in by_name:
            raise UsageError(f"there is no figure {name!r}; there are: {', '.join(by_name)}")
        return by_name[name]

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "figures": [item.to_dict() for item in self.figures],
            "samples": self.samples,
            "counted": self.counted,
            "notes": list(self.notes),
        }
