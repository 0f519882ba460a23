"""The summary that ais_bench writes of a run."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphfix.files import write_file
from graphfix.infer.options import Contract
from graphfix.infer.times import Times


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
) -> dict[str, Any]:
    """The summary, its keys in the order of that release."""
    names = ("NPU_compute_time", "H2D_latency", "D2H_latency")
    latencies = {name: each.to_dict() for name, each in zip(names, times.statistics(), strict=True)}
    listed = list(map(list, times.spans)) if times.parallel else times.compute
    tail: dict[str, Any] = {"npu_compute_time_list": listed, "throughput": throughput}
    if contract is Contract.AIS_2022:
        for latency in latencies.values():
            del latency["count"]
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
