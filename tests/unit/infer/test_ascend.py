"""The backend ``ascend`` calls ais_bench; here a stand-in that keeps its contract."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli_runner import run
from tests.unit.infer.cases import f32, images
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model

STAND_INS = Path(__file__).parents[2] / "standins"
ARGS = ("--model", "m.om", "--input", "bin", "--output", "out", "--output_dirname", "d")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model and samples that ais_bench trusts, and no ais_bench."""
    monkeypatch.chdir(tmp_path)
    write_model("batch4", tmp_path)
    Path("m.onnx").unlink()
    write_files(images(5))
    for path in Path("bin").iterdir():
        path.chmod(0o640)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """ais_bench as a program, run by this interpreter."""
    interpreter = Path("interpreter")
    interpreter.mkdir()
    (interpreter / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    monkeypatch.setenv("PATH", f"{STAND_INS}:{interpreter.resolve()}:{os.environ['PATH']}")
    monkeypatch.setenv("AIS_STANDIN_RECORD", "called.json")


@pytest.mark.usefixtures("on_path")
def test_an_om_goes_to_ais_bench_where_it_is_installed() -> None:
    result = run("infer", *ARGS, "--display_all_summary", "1", "--json")
    assert result.code == 0, result.out + result.err
    report = json.loads(result.out)
    arguments = [*ARGS, "--display_all_summary", "1"]
    assert report["backend"] == "ascend"
    assert report["command"] == [str(STAND_INS / "ais_bench"), *arguments]
    assert json.loads(Path("called.json").read_text()) == arguments
    assert report["exit_status"] == 0
    assert report["summary"] == "out/d_summary.json"
    summary = json.loads(Path("out/d_summary.json").read_text())
    assert report["throughput"] == summary["throughput"]
    assert "[INFO] H2D_latency (ms): min = " in report["log"]
    assert Path("out/d/img_4_0.bin").read_bytes() == f32(5, 5, 5)


@pytest.mark.usefixtures("on_path")
def test_its_lines_and_its_status_are_passed_on() -> None:
    result = run_ais_bench(*ARGS, "--output_batchsize_axis", "2")
    assert result.code == 1
    assert "[INFO] get filesperbatch files0 size:12 tensor0size:48" in result.out
    assert "[ERROR] save out files error array shape:" in result.out
    refused = run_ais_bench(*ARGS, "--input", "m.om", "--outputSize", "1", "--dymHW", "2,2")
    assert refused.code == 1


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(("fault", "status"), [("fail", 1), ("killed", -9)])
def test_its_failure_is_that_of_an_external_tool(
    fault: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIS_STANDIN_FAULT", fault)
    result = run("infer", *ARGS)
    assert result.code == 3
    assert result.err == (
        f"error: ais_bench ended with {status}; it was called as: "
        f"{STAND_INS / 'ais_bench'} {' '.join(ARGS)}\n"
        "  with --backend onnxruntime the ONNX file runs on the CPU\n"
    )
    if fault == "fail":
        assert "[ERROR] [1][ACL: the device does not answer]" in result.out


@pytest.mark.usefixtures("on_path")
def test_another_backend_can_be_asked_for(tmp_path: Path) -> None:
    write_model("batch4", tmp_path)
    result = run("infer", *ARGS, "--backend", "onnxruntime", "--json")
    assert json.loads(result.out)["backend"] == "onnxruntime"
    assert not Path("called.json").exists()


@pytest.mark.usefixtures("on_path")
def test_options_of_graphfix_do_not_reach_it() -> None:
    result = run("infer", "--contract", "2022", *ARGS, "--backend=ascend")
    assert result.code == 0
    assert result.err == ("warning: --contract is left out: the installed ais_bench has its own\n")
    assert json.loads(Path("called.json").read_text()) == list(ARGS)


def test_a_module_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "installed" / "ais_bench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(
        "print('[INFO] throughput 1000*batchsize.mean(1)/NPU_compute_time.mean(4.0): 250.0')\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    report = json.loads(run("infer", "--model", "m.om", "--json").out)
    assert report["command"] == [sys.executable, "-m", "ais_bench", "--model", "m.om"]
    assert report["throughput"] == 250.0


def test_a_folder_of_that_name_is_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ais_bench").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    result = run("infer", "--model", "m.om", "--backend", "ascend")
    assert result.code == 3
    assert result.err.startswith(f"error: ais_bench is neither a module of {sys.executable} nor on")


def test_ascend_runs_an_om_alone(tmp_path: Path) -> None:
    write_model("batch4", tmp_path)
    result = run("infer", "--model", "m.onnx", "--backend", "ascend")
    assert result.code == 2
    assert result.err == (
        "error: m.onnx: --backend ascend runs an .om; make one with ATC, and give that\n"
    )


@pytest.mark.usefixtures("on_path")
def test_a_failure_is_one_json_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIS_STANDIN_FAULT", "fail")
    result = run("infer", *ARGS, "--json")
    report = json.loads(result.out)
    assert (result.code, report["ok"], report["exit_status"]) == (3, False, 1)
    assert report["throughput"] is None
    assert report["log"] == "[ERROR] [1][ACL: the device does not answer]"


@pytest.mark.usefixtures("on_path")
def test_the_throughput_of_several_devices_is_their_sum() -> None:
    report = json.loads(run("infer", *ARGS, "--device", "0,1", "--json").out)
    single = [
        json.loads(Path(f"out/d/device{k}_{k}_summary.json").read_text())["throughput"]
        for k in (0, 1)
    ]
    assert report["throughput"] == pytest.approx(sum(single))


@pytest.mark.usefixtures("on_path")
def test_an_interrupt_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIS_STANDIN_FAULT", "hang")
    started = time.monotonic()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    result = run("infer", *ARGS)
    timer.join()
    assert result.code == 130
    assert result.err == "interrupted; there is no summary\n"
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("on_path")
def test_what_atc_makes_is_what_it_runs(tmp_path: Path) -> None:
    write_model("batch4", tmp_path)
    convert = [str(STAND_INS / "atc"), "--framework=5", "--model=m.onnx", "--output=made"]
    target = ["--soc_version=Ascend310P3", "--input_shape=x:4,3"]
    subprocess.run([*convert, *target], check=True, capture_output=True)
    result = run("infer", "--model", "made.om", *ARGS[2:])
    assert result.code == 0, result.out
    assert Path("out/d/img_4_0.bin").read_bytes() == f32(5, 5, 5)
