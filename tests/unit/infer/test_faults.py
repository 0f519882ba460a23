"""Bad data, full disks, broken models, interrupted runs: one message, nothing half-written."""

import io
import json
import os
import re
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphfix.infer.engine import Engine
from tests.cli_runner import run
from tests.unit.infer.cases import f32, images, npy, row
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model

SAVED = ("--output", "out", "--output_dirname", "d")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("batch1", tmp_path)


def refused(args: Sequence[object], code: int, message: str) -> None:
    """Both fronts say it once, each with its exit code (graphfix's, ais_bench's)."""
    ours = run("infer", *args)
    assert "Traceback" not in ours.err
    assert re.search(rf"^error: {message}", ours.err), ours.err
    assert ours.err.count("error:") == 1
    assert ours.code == code
    theirs = run_ais_bench(*args)
    assert re.search(rf"^\[ERROR\] {message}", theirs.out, re.MULTILINE), theirs.out
    assert theirs.out.count("[ERROR]") == 1


def saved() -> list[str]:
    return sorted(str(path) for path in Path("out").rglob("*") if path.is_file())


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=row(1))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY", "not a readable .npy file: "),
        (npy(row(1))[:-4], "not a readable .npy file: "),
        (b"", "not a readable .npy file: "),
        (b"hello", "not a readable .npy file: "),
        (
            npy(np.zeros((1, 0), np.float32)),
            "(not a readable .npy file|ndata size:0 not match 12): ",
        ),
        (npy(np.array([{}], object)), "not a readable .npy file: .*object"),
        (archive(), "not a readable .npy file but an archive of several arrays"),
    ],
)
def test_a_corrupt_npy(content: bytes, message: str) -> None:
    write_files({"bin/x0.npy": npy(row(1)), "bin/x1.npy": content})
    refused(("--model", "m.onnx", "--input", "bin", *SAVED), 2, f"bin/x1.npy: {message}")
    assert saved() == ["out/d/x0_0.bin"]


def test_a_sample_of_the_wrong_size_is_named_with_what_is_wanted() -> None:
    write_files({"bin/x0.bin": f32(1, 1, 1), "bin/x1.bin": f32(1, 1)})
    refused(
        ("--model", "m.onnx", "--input", "bin", *SAVED),
        2,
        r"bin/x1.bin: ndata size:8 not match 12: input 'x' takes float32\[1,3\], 12 bytes; given "
        r"are 8, as int8\[8\]",
    )


def test_a_missing_folder() -> None:
    args = ("--model", "m.onnx", "--input", "nothere")
    refused(args, 2, "argument -i/--input: nothere: no such file or folder")


def test_a_missing_model() -> None:
    refused(("--model", "nothere.onnx"), 2, "argument .*: nothere.onnx: no such file")


@pytest.mark.parametrize("content", [b"", b"hello", b"IMOD\0\0\0\0", b"\x08\x08\x3a\xff"])
def test_an_unreadable_model(content: bytes) -> None:
    Path("m.onnx").write_bytes(content)
    refused(("--model", "m.onnx", *SAVED), 1, "m.onnx: ")
    assert saved() == []


def test_an_om_without_its_onnx_file() -> None:
    Path("m.onnx").unlink()
    refused(("--model", "m.om"), 3, "m.om: an .om runs on an NPU only, through ais_bench; put the")


def test_an_om_beside_its_onnx_file_runs_on_the_cpu() -> None:
    Path("m.om").unlink()
    result = run_ais_bench("--model", "m.om", "--input", "m.onnx")
    assert result.code == 1  # the ONNX file is no sample, but it was taken as the model
    assert "[INFO] m.om: runs as m.onnx on the CPU" in result.out


def test_a_node_that_fails_names_the_model() -> None:
    write_model("free2", Path())
    args = ("--model", "m.onnx", "--dymShape", "a:2,2;b:3,1")
    refused(args, 1, "m.onnx: onnxruntime cannot run it: ")


def test_an_output_folder_that_is_a_file() -> None:
    write_files({**images(1), "out": b""})
    refused(("--model", "m.onnx", "--input", "bin", *SAVED), 2, "--output: out/d cannot be made: ")


def test_a_full_disk() -> None:
    write_model("dynamic", Path())
    write_files({"bin/x0.bin": bytes(12), "bin/x1.bin": bytes(12)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        args = ("--model", "m.onnx", "--dymBatch", "1000", *SAVED)
        refused(args, 2, "out/d/pure_infer_data_0.bin: cannot be written: ")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in Path("out/d").iterdir()] == []


@pytest.mark.parametrize("threads", [(), ("--pipeline", "1", "--threads", "2")])
def test_an_interrupted_run_leaves_whole_files_and_no_summary(
    threads: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(images(8))
    execute, calls = Engine.execute, []

    def interrupted(self: Engine, arrays: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        if len(calls) >= 4:
            time.sleep(0.1)  # the main thread is the one that is interrupted
        return execute(self, arrays)

    monkeypatch.setattr(Engine, "execute", interrupted)
    args = ("--model", "m.onnx", "--input", "bin", *threads, *SAVED)
    result = run("infer", *args)
    assert result.code == 130
    assert re.fullmatch(
        r"interrupted after \d of 8 runs: what is written so far is whole; there is no summary\n",
        result.err,
    )
    assert len(saved()) < 8
    assert {Path(name).stat().st_size for name in saved()} == {12}
    calls[:] = []
    assert run_ais_bench(*args).code == 130


def test_an_error_is_json_too() -> None:
    result = run("infer", "--model", "m.onnx", "--input", "m.onnx", "--json")
    document = json.loads(result.out)
    assert document["exit_code"] == 2
    assert document["error"].startswith("arg0 tensorsize: 12 filesize: ")


def test_a_range_of_shapes_that_all_fail_is_a_failure_of_graphfix_alone() -> None:
    write_model("dynamic", Path())
    args = ("--model", "m.onnx", "--dymShape_range", "x:2,4~5")
    assert run("infer", *args).code == 1
    assert run_ais_bench(*args).code == 0
