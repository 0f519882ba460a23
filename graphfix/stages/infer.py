"""Run a model over samples with ais_bench's contract: on onnxruntime, or by ais_bench itself."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphfix.infer import (
    Backend,
    Command,
    Contract,
    DeviceRun,
    InferError,
    Listener,
    Result,
    run,
)
from graphfix.runners.ais_bench import ToolRun, find_ais_bench, run_ais_bench
from graphfix.runners.ssh import check_host
from graphfix.stages.infer_on_host import infer_on_host


@dataclass(frozen=True)
class InferReport:
    """What was run, and how fast; either ``result`` or ``tool`` is there."""

    backend: Backend
    model: str
    throughput: float | None
    """Samples per second of computing; None when ais_bench said nothing about it."""
    result: Result | None = None
    tool: ToolRun | None = None
    summary: str | None = None
    """The summary that ais_bench wrote."""

    @property
    def ok(self) -> bool:
        """Whether all was done; of a range of shapes, at least one ran."""
        return bool(self.result.runs) if self.result is not None else not self.status

    @property
    def status(self) -> int:
        """Exit status of ais_bench; 0 when it was not called."""
        return self.tool.status if self.tool is not None else 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            "ok": self.ok,
            "backend": self.backend.value,
            "model": self.model,
            "throughput": self.throughput,
        }
        if self.result is not None:
            found["runs"] = [_run_dict(each) for each in self.result.runs]
            found["failed_shapes"] = list(self.result.failed)
        if self.tool is not None:
            found["command"] = list(self.tool.command)
            found["exit_status"] = self.tool.status
            found["summary"] = self.summary
            found["log"] = self.tool.log
        return found


def infer(command: Command, listener: Listener) -> InferReport:
    """Run ``command``; what ais_bench would print goes to ``listener``.

    A failure of ais_bench itself is in the report, not raised.

    Raises:
        InferError: samples, sizes or options do not fit the model.
        UsageError: a result cannot be written.
        ModelError: the model cannot be loaded or run.
        ToolError: ais_bench or the ONNX file of an ``.om`` is missing, or the host does not answer.
    """
    options = command.options
    if _choose(command) is Backend.ASCEND:
        return _ascend(command, listener)
    result = run(options, listener)
    throughput = result.throughput if result.runs else None
    return InferReport(Backend.ONNXRUNTIME, options.model, throughput, result)


def _choose(command: Command) -> Backend:
    """The backend to use: ais_bench for an ``.om`` where it is installed, unless told otherwise.

    Raises:
        InferError: ais_bench is to run something else than an ``.om``, or onnxruntime on a host.
    """
    model, backend = command.options.model, command.backend
    compiled = Path(model).suffix == ".om"
    if command.host is not None:
        check_host(command.host)
        if backend is Backend.ONNXRUNTIME:
            raise InferError("--host runs ais_bench there; leave out --backend onnxruntime")
        backend = Backend.ASCEND
    if backend is Backend.AUTO:
        usable = compiled and find_ais_bench() is not None
        return Backend.ASCEND if usable else Backend.ONNXRUNTIME
    if backend is Backend.ASCEND and not compiled:
        option = "--host" if command.host else "--backend ascend"
        raise InferError(f"{model}: {option} runs an .om; make one with ATC, and give that")
    return backend


def _ascend(command: Command, listener: Listener) -> InferReport:
    options = command.options
    if options.contract is not Contract.AIS_2025:
        listener.warning("--contract is left out: the installed ais_bench has its own")
    if command.host is None:
        tool = run_ais_bench(command.plain, listener.line)
    else:
        tool = infer_on_host(command, listener.line)
    folders = re.findall(r"output path:(.+?)\s*$", tool.log, re.MULTILINE)
    return InferReport(
        Backend.ASCEND,
        options.model,
        _throughput(tool.log),
        tool=tool,
        summary=_written(f"{folders[-1]}_summary.json") if folders else None,
    )


def _throughput(log: str) -> float | None:
    """Of a range of shapes the mean, of several devices the sum, else that of the run."""
    number = r"([\d.e+-]+)\s*$"
    for line in ("avg_throughput:", "summary throughput:", r"throughput 1000\*.*: "):
        found = re.findall(line + number, log, re.MULTILINE)
        if found:
            return float(found[-1])
    return None


def _written(path: str) -> str | None:
    return path if Path(path).is_file() else None


def _run_dict(run: DeviceRun) -> dict[str, Any]:
    return {
        "device": run.device,
        "shape": run.shape or None,
        "output": run.prefix,
        "summary": run.summary,
        "samples": run.samples,
        "files_written": run.files,
        "batchsize": run.batchsize,
        "throughput": run.throughput,
        "compute_ms": run.compute.to_dict(),
        "host_to_device_ms": run.to_device.to_dict(),
        "device_to_host_ms": run.from_device.to_dict(),
    }
