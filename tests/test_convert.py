"""``graphfix convert``, with stand-ins for ATC and ssh."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest

from graphfix.model import from_text, save
from tests.cli_runner import Result, run
from tests.processes import is_running

ROOT = Path(__file__).resolve().parents[1]
STANDINS = ROOT / "tests" / "standins"
MODEL = """<ir_version: 8, opset_import: ["" : 11]>
g (float[N,3,8,8] x) => (float[N,3,8,8] y) { [a] h = Relu (x) [b] y = Sigmoid (h) }
"""
SHAPE = ("--shape", "x:1,3,8,8")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "it's m.onnx"
    save(from_text(MODEL), path)
    return path


@pytest.fixture(autouse=True)
def no_atc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever this machine has installed is not found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("graphfix.runners.atc.USUAL_FOLDERS", ())
    for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "ASCEND_OPP_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def atc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The stand-in on the PATH; the file that gets its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "atc"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDINS / "atc"}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    record = tmp_path / "record.json"
    monkeypatch.setenv("ATC_STANDIN_RECORD", str(record))
    return record


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def convert(model: Path, *options: object) -> tuple[Result, Path]:
    out = model.parent / "out"
    return run("convert", model, "-o", out, *options), out


def test_a_model_is_converted(model: Path, atc: Path) -> None:
    result, out = convert(model, *SHAPE, "--high-precision", "op=Sigmoid", "--precision", "fp16")
    assert (result.code, result.err) == (0, "")
    name = "it's m"
    kept = ["convert.sh"] + [f"{name}.{s}" for s in ("atc.log", "atc.onnx", "om", "precision.ini")]
    assert names(out) == kept
    compiled = onnx.load_model_from_string((out / f"{name}.om").read_bytes()[4:])
    assert list(compiled.graph.node) == list(onnx.load(out / f"{name}.atc.onnx").graph.node)
    assert (out / f"{name}.precision.ini").read_text() == "[ByNodeName]\nb=high_precision\n"
    assert "ATC run success" in (out / f"{name}.atc.log").read_text()
    assert json.loads(atc.read_text())["arguments"] == [
        f"--model={name}.atc.onnx",
        f"--output={name}",
        "--soc_version=Ascend310P3",
        "--framework=5",
        "--input_format=NCHW",
        "--input_shape=x:1,3,8,8",
        "--precision_mode_v2=fp16",
        f"--op_precision_mode={name}.precision.ini",
        "--log=error",
    ]


def test_a_model_is_spelled_for_atc_first(model: Path, atc: Path) -> None:
    """The stand-in refuses each of these: no perm, two imports, a function, two equal names."""
    text = """<ir_version: 8, opset_import: ["" : 16, "f" : 1]>
    g (float[2,3] x) => (float[3,2] y) { [x] h = f.Twice (x) [x] y = Transpose (h) }
    <domain: "f", opset_import: ["" : 16]> Twice (a) => (b) { b = Add (a, a) }"""
    save(from_text(text), model)
    result, out = convert(model)
    assert result.code == 0, result.out
    assert "note: Transpose 'x': perm written" in result.out
    again = run("convert", out / "it's m.atc.onnx", "-o", out / "again")
    assert again.code == 0, again.out
    assert "note: the file is in ATC's spelling already, and was not lowered" in again.out
    assert (out / "again" / "it's m.om").is_file()
    over = run("convert", out / "it's m.atc.onnx", "-o", out)
    assert over.code == 2
    assert "it's m.atc.onnx would be replaced; choose another" in over.err


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silent", "atc ended with status 255"),
        ("killed", "atc was ended by SIGKILL; the machine may have run out of memory"),
        ("liar", "atc ended with status 1, although it wrote its line of success"),
        ("early", "atc ended with status 0, but without its line of success"),
        ("no-om", "atc wrote its line of success, but no .om"),
        ("disk", "atc ended with status 255"),
        ("hang", "atc was stopped after 0.9 s, as --timeout asks"),
    ],
)
def test_a_failure_leaves_the_last_om_alone(
    model: Path, atc: Path, monkeypatch: pytest.MonkeyPatch, fault: str, reason: str
) -> None:
    out = model.parent / "out"
    out.mkdir()
    (out / "it's m.om").write_bytes(b"before")
    monkeypatch.setenv("ATC_STANDIN_FAULT", fault)
    timeout = ("--timeout", "0.9") if fault == "hang" else ()
    result, _ = convert(model, *SHAPE, *timeout, "--json")
    found = json.loads(result.out)
    assert (result.code, found["status"], found["reason"]) == (3, "failed", reason)
    assert (out / "it's m.om").read_bytes() == b"before"
    kept = ["atc.log", "atc.onnx", "om"]
    assert names(out) == ["convert.sh", *(f"it's m.{suffix}" for suffix in kept)]
    codes = [diagnosis["code"] for diagnosis in found["diagnoses"]]
    assert codes == (["E13004"] if fault == "disk" else [])


def test_an_error_of_atc_is_explained(
    model: Path, atc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATC_STANDIN_FAULT", "kernel")
    result, out = convert(model, *SHAPE)
    assert result.code == 3
    assert (
        "EZ3003: No supported Ops kernel and engine are found for [grid], optype [GridSample].\n"
        "  node    grid\n"
        "  cause   No kernel takes the operator on this SoC, on the AI Core or the AI CPU.\n"
    ) in result.out
    assert result.out.endswith(
        f"failed: atc ended with status 255\nlog: {out / 'it'}'s m.atc.log\n"
    )


def test_without_atc_a_script_is_left_that_does_the_same(model: Path, tmp_path: Path) -> None:
    result, out = convert(model, *SHAPE)
    assert result.code == 3
    assert "'bash convert.sh' there, or give --host" in result.out
    assert names(out) == ["convert.sh", "it's m.atc.onnx"]
    toolkit = tmp_path / "toolkit"
    (toolkit / "bin").mkdir(parents=True)
    program = toolkit / "bin" / "atc"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDINS / "atc"}" "$@"\n')
    program.chmod(0o755)
    (toolkit / "set_env.sh").write_text(f'export PATH="{toolkit}/bin:$PATH"\n')
    environment = {"PATH": "/usr/bin:/bin", "ASCEND_HOME_PATH": str(toolkit), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", str(out / "convert.sh")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "it's m.om").is_file()


def test_what_would_fail_is_not_tried(model: Path, atc: Path) -> None:
    options = (*SHAPE, "--out-node", "nowhere:0")
    result, out = convert(model, *options)
    assert result.code == 1
    assert "--out_nodes: the model has no node 'nowhere' (E10016)" in result.out
    assert not out.exists()
    assert not atc.exists()
    result, out = convert(model, *options, "--force")
    assert result.code == 3
    assert "E10016: Op name nowhere specified in --out_nodes is not found." in result.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "input x:N,3,8,8 has the dim 'N' without a size; give it with --shape, or sizes"),
        (("--shape", "z:1"), "--shape: there is no input 'z'; inputs: x"),
        (("--shape", "x:1,3"), "--shape: input 'x' has 4 dims, not 2"),
        (("--gears", "N=1"), "there is 1 gear, 2 are the fewest; use a fixed shape"),
        (("--gears", "M=1,2"), "--gears: no input has a dim 'M'; dims with a name: N"),
        (("--gears", "N=x"), "--gears 'N=x': 'x' is neither a size nor like 16..512:16"),
        ((*SHAPE, "--keep-dtype", "op=Conv"), "--keep-dtype 'op=Conv' selects no node"),
        ((*SHAPE, "--atc-flag", "model=m"), "--atc-flag model: graphfix sets --model"),
        ((*SHAPE, "--atc-flag", "sparsty=1"), "atc has no flag --sparsty; did you mean --sparsity"),
        (
            (*SHAPE, "--atc-flag", "fusion_switch_file=no"),
            "--atc-flag fusion_switch_file no: cannot",
        ),
        ((*SHAPE, "--host", "-oProxyCommand=x"), "--host '-oProxyCommand=x' must look like user@"),
        (
            (*SHAPE, "--cann", "6.0", "--precision", "mixed_hif8"),
            "--precision mixed_hif8: CANN 6.0",
        ),
    ],
)
def test_wrong_usage_writes_nothing(model: Path, options: tuple[str, ...], message: str) -> None:
    result, out = convert(model, *options)
    assert result.code == 2
    assert result.err.startswith(f"error: {message}"), result.err
    assert not out.exists()


AIPP = """aipp_op {
    aipp_mode: static
    input_format: RGB888_U8
    src_image_size_h: 8
    src_image_size_w: 8
}
"""


def test_preprocessing_is_written_or_passed_on(model: Path, atc: Path, tmp_path: Path) -> None:
    ready = tmp_path / "aipp.cfg"
    ready.write_text(AIPP)
    result, out = convert(model, *SHAPE, "--aipp", ready)
    assert result.code == 0, result.out
    assert (out / "it's m.aipp.cfg").read_text() == AIPP
    ready.write_text(AIPP.replace(": RGB", "：RGB"))
    assert "it is a full-width colon" in convert(model, *SHAPE, "--aipp", ready)[0].out
    short = tmp_path / "aipp.yaml"
    short.write_text("input: x\nsize: [10, 9]\ncrop: center\n")
    result, out = convert(model, *SHAPE, "--aipp", short)
    assert result.code == 0, result.out
    assert "crop_size_w: 8" in (out / "it's m.aipp.cfg").read_text()
    short.write_text("input: z\n")
    result, _ = convert(model, *SHAPE, "--aipp", short)
    assert result.err == f"error: --aipp {short}: input 'z' is not one of x\n"
    result, out = convert(model, *SHAPE, "--aipp", "intrada")
    assert result.code == 0, result.out
    written = (out / "it's m.aipp.cfg").read_text()
    assert "rbuv_swap_switch: true" in written
    assert "min_chn_2: 122.6789" in written
    result, _ = convert(model, *SHAPE, "--aipp", "starnet")
    assert (
        result.err
        == "error: --aipp starnet: AIPP cannot do what this adapter does to its samples\n"
    )


def test_gears_become_flags(model: Path, atc: Path) -> None:
    result, _ = convert(model, "--gears", "N=1,4")
    assert result.code == 0, result.out
    arguments = json.loads(atc.read_text())["arguments"]
    assert {"--input_shape=x:-1,3,8,8", "--dynamic_batch_size=1,4"} <= set(arguments)


def test_the_audit_knows_the_sizes_of_the_command(model: Path, atc: Path) -> None:
    """With a batch of 1 nothing is computed while the model runs."""
    text = """<ir_version: 8, opset_import: ["" : 11]>
    g (float[N,4] x) => (float[N,2,2] y)
    <int64[1] zero = {0}, int64[2] two = {2, 2}> {
        [shape] s = Shape (x) [first] n = Gather (s, zero)
        [all] t = Concat <axis = 0> (n, two) [b] y = Reshape (x, t)
    }"""
    save(from_text(text), model)
    result, _ = convert(model, "--gears", "N=1,2", "--force")
    assert "computes the shape (t) while the model runs" in result.out
    result, _ = convert(model, "--shape", "x:1,4")
    assert result.code == 0
    assert "while the model runs" not in result.out


def test_a_file_of_a_flag_travels_along(model: Path, atc: Path, tmp_path: Path) -> None:
    (tmp_path / "fusion.cfg").write_text('{"Switch": {"GraphFusion": {"ALL": "off"}}}')
    flag = f"fusion_switch_file={tmp_path / 'fusion.cfg'}"
    result, out = convert(model, *SHAPE, "--atc-flag", flag)
    assert result.code == 0, result.out
    assert "fusion.cfg" in names(out)
    assert "--fusion_switch_file=fusion.cfg" in json.loads(atc.read_text())["arguments"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_atc_and_leaves_nothing(
    model: Path, atc: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    monkeypatch.setenv("ATC_STANDIN_FAULT", "hang")
    out = model.parent / "out"
    command = [sys.executable, "cli.py", "convert", str(model), "-o", str(out), *SHAPE]
    with subprocess.Popen(command, cwd=ROOT) as process:
        deadline = time.monotonic() + 30
        while not atc.exists() or not atc.read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) == code
    assert not is_running(json.loads(atc.read_text())["pid"])
    assert not out.exists()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stand-ins for ssh and scp; folders on the host are made in a folder of their own."""
    remote = tmp_path / "remote"
    remote.mkdir()
    monkeypatch.setenv("TMPDIR", str(remote))
    programs = tmp_path / "ssh"
    programs.mkdir()
    for name in ("ssh", "scp"):
        (programs / name).symlink_to(STANDINS / name)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


def test_a_host_converts(model: Path, atc: Path, host: None, tmp_path: Path) -> None:
    plain = model.with_name("m.onnx")
    model.rename(plain)
    result, out = convert(plain, *SHAPE, "--host", "user@npu")
    assert result.code == 0, result.out + result.err
    assert names(out) == ["convert.sh", "m.atc.log", "m.atc.onnx", "m.om"]
    assert result.out.splitlines()[-2].endswith("by user@npu")
    assert names(tmp_path / "remote") == []


def test_a_host_that_cannot_be_reached(model: Path, host: None) -> None:
    result, out = convert(model, *SHAPE, "--host", "nobody@unreachable")
    assert result.code == 3
    assert "ssh: connect to host unreachable port 22: Connection timed out" in result.err
    assert not out.exists()
