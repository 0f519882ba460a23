"""``--host``: conversion and inference on another machine, over a real ssh and scp."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_runner import run
from tests.ssh.conftest import Host
from tests.unit.infer.cases import f32, images
from tests.unit.infer.drive import write_files
from tests.unit.infer.models import write_model

ROOT = Path(__file__).parents[2]
INFER = ("infer", "--model", "m.om", "--input", "bin", "--output", "out", "--output_dirname", "d")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and samples; no CANN of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "ASCEND_OPP_PATH"):
        monkeypatch.delenv(name, raising=False)
    write_model("batch4", tmp_path)
    write_files(images(5))
    return tmp_path


def until(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_infer(host: Host) -> None:
    result = run(*INFER, "--host", host.name, "--json")
    assert result.code == 0, result.out + result.err
    report = json.loads(result.out)
    assert report["backend"] == "ascend"
    assert report["summary"] == "out/d_summary.json"
    assert report["throughput"] > 0
    assert Path("out/d/img_4_0.bin").read_bytes() == f32(5, 5, 5)
    summary = Path("out/d_summary.json").read_text()
    infiles = [
        name for each in json.loads(summary)["filesinfo"].values() for name in each["infiles"]
    ]
    assert infiles
    assert all(Path(name).is_file() for name in infiles)
    assert "graphfix." not in summary
    assert list(host.folders.glob("graphfix*")) == []


def test_a_run_converts_and_infers_there(host: Host, folder: Path) -> None:
    for name in ("shapes_adapter.py", "export_shapes.py"):
        shutil.copy(ROOT / "tests" / "plugin_files" / name, folder)
    chain = ("run", "shapes", "--plugin", "shapes_adapter.py", "--random-weights", "--json")
    here = json.loads(run(*chain, "--folder", "here").out)
    there = json.loads(run(*chain, "--folder", "there", "--host", host.name).out)
    stages = {stage["stage"]: stage for stage in there["stages"]}
    assert there["ok"], [(each["stage"], each["reason"]) for each in there["stages"]]
    assert stages["convert"]["status"] == "done"
    assert stages["infer"]["facts"]["backend"] == "ascend"
    figures = [
        stage["facts"]["figures"]
        for report in (here, there)
        for stage in report["stages"]
        if stage["stage"] == "evaluate"
    ]
    assert figures[0] == figures[1]
    assert list(host.folders.glob("graphfix*")) == []


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIS_STANDIN_FAULT", "hang")


def start(host: Host) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "cli.py"), *INFER, "--host", host.name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def is_running() -> bool:
    """Whether the stand-in for ais_bench runs, on this machine that is the host as well."""
    found = subprocess.run(["pgrep", "-f", "programs/ais_bench --"], capture_output=True)
    return found.returncode == 0


def test_an_interrupt_ends_it_there(hangs: None, host: Host) -> None:
    with start(host) as process:
        until(is_running, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    deadline = time.monotonic() + 20
    while is_running() or list(host.folders.glob("graphfix*")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not Path("out").exists()


def test_a_lost_connection(hangs: None, host: Host) -> None:
    with start(host) as process:
        until(is_running, process)
        host.break_connections()
        assert process.wait(60) == 3
        assert process.stderr is not None
        assert "the connection ended before ais_bench did; run it again" in process.stderr.read()
    assert not Path("out").exists()


def test_a_host_without_ais_bench(host: Host) -> None:
    os.unlink(host.folders.parent / "programs" / "ais_bench")
    result = run(*INFER, "--host", host.name)
    assert result.code == 3
    assert "ais_bench is neither a module of python3 nor on the PATH there" in result.err


def test_a_host_that_is_off(host: Host) -> None:
    host.server.terminate()
    host.server.wait()
    result = run(*INFER, "--host", host.name)
    assert result.code == 3
    assert "Connection refused" in result.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--host=-oProxyCommand=x",), "must look like user@machine"),
        (("--host", "npu", "--backend", "onnxruntime"), "leave out --backend onnxruntime"),
        (("--host", "npu", "--model", "m.onnx"), "--host runs an .om"),
    ],
)
def test_wrong_usage(more: tuple[str, ...], words: str) -> None:
    result = run(*INFER, *more)
    assert result.code == 2
    assert words in result.err
