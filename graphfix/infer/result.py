"""What runs report: to a listener while they last, and as values in the end."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from graphfix.infer.times import Statistics

RULE: Final = "-" * 54
"""The line under a summary on the console."""


class Listener(Protocol):
    """Who hears what a run has to say while it lasts."""

    def info(self, text: str) -> None:
        """A line of ais_bench's console; ``[INFO]`` goes before it."""

    def line(self, text: str) -> None:
        """A line as another program prints it."""

    def warning(self, text: str) -> None:
        """Something that ais_bench does silently and a user may not want."""

    def progress(self, done: int, total: int) -> None:
        """So many groups are done."""


@dataclass(frozen=True)
class DeviceRun:
    """What one run over samples did; times are in milliseconds."""

    device: int
    prefix: str | None
    """Folder of the results."""
    summary: str | None
    """File of the summary."""
    samples: int
    files: int
    """Files written, without the summary."""
    batchsize: float
    throughput: float
    """Samples per second of computing: 1000 * batchsize / mean of the times."""
    compute: Statistics
    to_device: Statistics
    from_device: Statistics
    shape: str = ""
    """The shape that it was run at, of several."""


@dataclass(frozen=True)
class Result:
    """All runs of a command: one for each device, or for each shape of a range that worked."""

    runs: tuple[DeviceRun, ...]
    failed: tuple[str, ...] = ()
    """Shapes of a range that did not run."""

    @property
    def throughput(self) -> float:
        """Of all devices together; of several shapes the mean."""
        each = [run.throughput for run in self.runs]
        return float(np.mean(each) if each and self.runs[0].shape else sum(each))
