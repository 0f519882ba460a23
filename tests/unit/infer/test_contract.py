"""The contract of ais_bench holds for graphfix, and for the stand-in that speaks for ais_bench."""

import importlib.machinery
import importlib.util
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from graphfix.cli.infer import ais_bench
from tests.unit.infer.cases import CASES, Case
from tests.unit.infer.models import write_model

STAND_IN = Path(__file__).parents[2] / "standins" / "ais_bench"
TIME = re.compile(r"\d{4}(_\d\d){2}-(\d\d_){2}\d\d")
KEYS = ["filesinfo", "args", "NPU_compute_time", "H2D_latency", "D2H_latency"]
LAST_KEYS = {
    "2022": ["throughput"],
    "2023": ["throughput", "npu_compute_time_list", "pid"],
    "2025": ["npu_compute_time_list", "throughput", "pid"],
}


def load_stand_in() -> Callable[[list[str]], int]:
    loader = importlib.machinery.SourceFileLoader("ais_bench_stand_in", str(STAND_IN))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "dont_write_bytecode", True):
        loader.exec_module(module)
    main: Callable[[list[str]], int] = module.main
    return main


stand_in = load_stand_in()


def run(tool: str, args: Sequence[str]) -> tuple[int, str]:
    """The exit code, and what is printed on stdout."""
    out = io.StringIO()
    model = "m.om" if tool == "stand-in" else "m.onnx"
    arguments = ["--model", model, *args]
    with (
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
        mock.patch.object(sys, "argv", ["ais_bench", *arguments]),
    ):
        try:
            code = stand_in(arguments) if tool == "stand-in" else ais_bench(arguments, sys.argv)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue()


PARAMETERS = [
    pytest.param(tool, case, id=f"{tool}-{case.name}")
    for case in CASES
    for tool in (("graphfix",) if case.ours else ("graphfix", "stand-in"))
]


@pytest.mark.parametrize(("tool", "case"), PARAMETERS)
def test_case(tool: str, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(case.model, tmp_path)
    for name, data in case.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)
        Path(name).chmod(0o640)
    code, out = run(tool, case.args.split())
    assert code == case.code, out
    found = {TIME.sub("TIME", str(p)): p for p in Path("out").rglob("*") if p.is_file()}
    summaries = {name: path for name, path in found.items() if name.endswith("mary.json")}
    expected = case.summaries
    if expected is None:
        expected = ("out/d_summary.json",) if case.wrote else ()
    assert sorted(summaries) == sorted(expected)
    assert set(found) - set(summaries) == set(case.wrote)
    for name, content in case.wrote.items():
        if content is not None:
            assert found[name].read_bytes() == content, name
    lines = out.splitlines()
    for pattern in case.says:
        assert any(re.search(pattern, line) for line in lines), (pattern, out)
    for pattern in case.silent:
        assert not re.search(pattern, out), (pattern, out)
    if code:
        assert "Traceback" not in out
    for path in summaries.values():
        check_summary(json.loads(path.read_text()), case, lines)


def check_summary(summary: dict[str, Any], case: Case, lines: Sequence[str]) -> None:
    contract = re.search(r"--contract (\d+)", case.args)
    assert list(summary) == KEYS + LAST_KEYS[contract[1] if contract else "2025"]
    assert summary["args"][0] == "ais_bench"
    assert summary["args"][3:] == case.args.split()
    times = summary.get("npu_compute_time_list", [])
    compute = summary["NPU_compute_time"]
    if "spans" in case.summary:
        assert list(compute) == ["mean", "count"]
        assert list(summary["H2D_latency"]) == list(summary["D2H_latency"]) == ["mean", "count"]
        assert compute["mean"] * compute["count"] <= max(t[1] for t in times) - min(times)[0] + 1e-6
        assert len(times) == compute["count"] == case.summary["spans"]
        assert all(start < end for start, end in times)
    elif contract and contract[1] == "2022":
        assert list(compute) == ["min", "max", "mean", "median", "percentile(99%)"]
    else:
        assert list(compute) == ["min", "max", "mean", "median", "percentile(99%)", "count"]
        assert compute["count"] == len(times) == case.summary.get("runs", len(times))
        assert compute["min"] == min(times)
        assert compute["mean"] == pytest.approx(sum(times) / len(times))
    if "copies" in case.summary:
        copies = (summary["H2D_latency"]["count"], summary["D2H_latency"]["count"])
        assert copies == case.summary["copies"]
    if "filesinfo" in case.summary:
        assert summary["filesinfo"] == case.summary["filesinfo"]
    if "first_files" in case.summary:
        firsts = [each["infiles"][0] for each in summary["filesinfo"].values()]
        assert firsts == case.summary["first_files"]
        assert list(summary["filesinfo"]) == list(map(str, range(len(firsts))))
    if "batchsize" in case.summary:
        batchsize = summary["throughput"] * compute["mean"] / 1000
        assert batchsize == pytest.approx(case.summary["batchsize"])
    printed = [float(line.split()[-1]) for line in lines if " throughput 1000" in line]
    assert summary["throughput"] in printed


def test_there_are_enough_cases() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
