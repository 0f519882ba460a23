"""What is measured of a run, and the numbers that are made of it; all in milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

PERCENTILE: Final = "percentile(99%)"


@dataclass(frozen=True)
class Statistics:
    """Of a list of times; all 0 when it is empty. Of runs on threads, mean and count alone."""

    mean: float = 0.0
    count: int = 0
    min: float | None = None
    max: float | None = None
    median: float | None = None
    percentile: float | None = None
    """The 99th, linearly interpolated."""

    @classmethod
    def of(cls, times: Sequence[float]) -> "Statistics":
        """Of these times."""
        if not times:
            return cls(min=0.0, max=0.0, median=0.0, percentile=0.0)
        return cls(
            mean=float(np.mean(times)),
            count=len(times),
            min=min(times),
            max=max(times),
            median=float(np.median(times)),
            percentile=float(np.percentile(times, 99)),
        )

    @classmethod
    def of_spans(cls, spans: Sequence[tuple[float, float]]) -> "Statistics":
        """Of runs that overlap: the time in which any of them ran, divided by their number."""
        busy, until = 0.0, float("-inf")
        for start, end in sorted(spans):
            busy += max(0.0, end - max(start, until))
            until = max(until, end)
        return cls(busy / len(spans), len(spans))

    def brief(self) -> "Statistics":
        """Mean and count alone."""
        return Statistics(self.mean, self.count)

    def to_dict(self) -> dict[str, float]:
        """With the keys of the summary, in its order."""
        found = {
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            "median": self.median,
            PERCENTILE: self.percentile,
            "count": self.count,
        }
        return {key: value for key, value in found.items() if value is not None}

    def line(self, name: str) -> str:
        """The line of the console."""
        numbers = list(self.to_dict().items())[:-1]
        return f"{name} (ms): " + ", ".join(f"{key} = {value}" for key, value in numbers)


@dataclass
class Times:
    """What was measured so far."""

    parallel: bool = False
    """Whether runs overlap, so that only what they take together means anything."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Start and end of each execution, on a clock of no particular beginning."""
    to_device: list[float] = field(default_factory=list)
    """One for each input of a group."""
    from_device: list[float] = field(default_factory=list)
    """One for each output of a group."""

    @property
    def compute(self) -> list[float]:
        """One for each execution."""
        return [end - start for start, end in self.spans]

    def statistics(self) -> tuple[Statistics, Statistics, Statistics]:
        """Of computing, and of the copies to the device and from it."""
        copies = Statistics.of(self.to_device), Statistics.of(self.from_device)
        if self.parallel:
            return Statistics.of_spans(self.spans), copies[0].brief(), copies[1].brief()
        return Statistics.of(self.compute), *copies
