"""The times of a run, and the summary that ais_bench writes of them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from graphfix.files import write_file
from graphfix.infer.options import Contract

PERCENTILE: Final = "percentile(99%)"


@dataclass(frozen=True)
class Statistics:
    """Of a list of times, in milliseconds; all 0 when it is empty."""

    min: float = 0.0
    max: float = 0.0
    mean: float = 0.0
    median: float = 0.0
    percentile: float = 0.0
    """The 99th, linearly interpolated."""
    count: int = 0

    @classmethod
    def of(cls, times: Sequence[float]) -> "Statistics":
        """Of these times."""
        if not times:
            return cls()
        return cls(
            min=min(times),
            max=max(times),
            mean=float(np.mean(times)),
            median=float(np.median(times)),
            percentile=float(np.percentile(times, 99)),
            count=len(times),
        )

    def to_dict(self) -> dict[str, float]:
        """With the keys of the summary, in its order."""
        return {
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            "median": self.median,
            PERCENTILE: self.percentile,
            "count": self.count,
        }

    def line(self, name: str) -> str:
        """The line of the console."""
        numbers = list(self.to_dict().items())[:-1]
        return f"{name} (ms): " + ", ".join(f"{key} = {value}" for key, value in numbers)


@dataclass
class Times:
    """What was measured so far, in milliseconds."""

    compute: list[float] = field(default_factory=list)
    """One for each execution; start and end are in ``spans``."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Start and end of each execution, on the clock of ``time.perf_counter``."""
    to_device: list[float] = field(default_factory=list)
    """One for each input of a group."""
    from_device: list[float] = field(default_factory=list)
    """One for each output of a group."""

    def add_span(self, started: float, ended: float) -> None:
        """Note an execution, in seconds on that clock."""
        self.spans.append((started, ended))
        self.compute.append((ended - started) * 1000)


@dataclass(frozen=True)
class SampleFiles:
    """The files that a sample was read from and written to."""

    infiles: tuple[str, ...]
    outfiles: tuple[str, ...]


def summary_path(prefix: str, contract: Contract) -> str:
    """Beside the folder of the results; in 2022 inside it."""
    if contract is Contract.AIS_2022:
        return os.path.join(prefix, "sumary.json")
    return f"{prefix}_summary.json"


def summary(
    files: Mapping[int, SampleFiles],
    arguments: Sequence[str],
    times: Times,
    throughput: float,
    contract: Contract,
    *,
    spans: bool = False,
) -> dict[str, Any]:
    """The summary, its keys in the order of that release.

    ``spans`` for runs on several threads, of which start and end are kept.
    """
    compute = Statistics.of(times.compute).to_dict()
    listed: list[Any] = list(map(list, times.spans)) if spans else times.compute
    if spans:
        compute = {key: compute[key] for key in ("mean", "count")}
    latencies = {
        "NPU_compute_time": compute,
        "H2D_latency": Statistics.of(times.to_device).to_dict(),
        "D2H_latency": Statistics.of(times.from_device).to_dict(),
    }
    tail: dict[str, Any] = {"npu_compute_time_list": listed, "throughput": throughput}
    if contract is Contract.AIS_2022:
        for each in latencies.values():
            each.pop("count")
        del tail["npu_compute_time_list"]
    elif contract is Contract.AIS_2023:
        tail = {"throughput": throughput, "npu_compute_time_list": listed}
    if contract is not Contract.AIS_2022:
        tail["pid"] = os.getpid()
    return {
        "filesinfo": {
            str(number): {"infiles": list(each.infiles), "outfiles": list(each.outfiles)}
            for number, each in files.items()
        },
        "args": list(arguments),
        **latencies,
        **tail,
    }


def write_summary(document: Mapping[str, Any], path: str) -> None:
    """Write the summary on one line, which scripts cut with awk.

    Raises:
        UsageError: it cannot be written.
    """
    write_file(Path(path), json.dumps(document))
