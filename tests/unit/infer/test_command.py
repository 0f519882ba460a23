"""``graphfix infer``: its report as JSON, its help, and what it leaves to ais_bench's front."""

import json
from pathlib import Path

import pytest

from tests.cli_runner import run
from tests.unit.infer.cases import images
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model

KEYS = ["min", "max", "mean", "median", "percentile(99%)", "count"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("batch4", tmp_path)
    write_files({**images(5), "bin/notes.txt": b""})


def test_the_report_is_one_json_document() -> None:
    args = ("--model", "m.onnx", "--input", "bin", "--output", "out", "--output_dirname", "d")
    result = run("infer", *args, "--loop", "3", "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert list(report) == [
        "ok",
        "backend",
        "model",
        "throughput",
        "runs",
        "failed_shapes",
        "warnings",
    ]
    assert (report["ok"], report["backend"], report["model"]) == (True, "onnxruntime", "m.onnx")
    (done,) = report["runs"]
    assert done["throughput"] == report["throughput"] > 0
    assert (done["output"], done["summary"]) == ("out/d", "out/d_summary.json")
    assert (done["samples"], done["files_written"], done["batchsize"]) == (5, 10, 4)
    assert list(done["compute_ms"]) == KEYS
    assert done["compute_ms"]["count"] == 6
    assert report["throughput"] == pytest.approx(4000 / done["compute_ms"]["mean"])
    doubt = "bin: 1 name(s) such as notes.txt are left out; samples end in .bin or .npy"
    assert report["warnings"] == [doubt]
    assert result.err == f"warning: {doubt}\n"
    assert len(list(Path("out/d").iterdir())) == 10
    theirs = run_ais_bench(*args, "--json")
    assert list(json.loads(theirs.out)) == list(report)


def test_a_range_names_what_ran_and_what_did_not() -> None:
    write_model("dynamic", Path())
    report = json.loads(
        run("infer", "--model", "m.onnx", "--dymShape_range", "x:1~2,3-4", "--json").out
    )
    assert report["ok"]
    assert sorted(each["shape"] for each in report["runs"]) == ["x:1,3", "x:2,3"]
    assert report["failed_shapes"] == ["x:1,4", "x:2,4"]
    fastest, other = (each["throughput"] for each in report["runs"])
    assert fastest >= other
    assert report["throughput"] == pytest.approx((fastest + other) / 2)


def test_random_data_are_the_same_again() -> None:
    write_model("integers", Path())
    data = []
    for name in ("a", "b"):
        args = ("--pure_data_type", "random", "--output", "out", "--output_dirname", name)
        assert run("infer", "--model", "m.onnx", *args).code == 0
        data.append(Path(f"out/{name}/pure_infer_data_0.bin").read_bytes())
    assert data[0] == data[1] != bytes(24)


def test_two_runs_in_one_second_do_not_share_a_folder() -> None:
    args = ("--model", "m.onnx", "--input", "bin", "--output", "out")
    assert [run("infer", *args).code for _ in range(3)] == [0, 0, 0]
    folders = [path for path in Path("out").iterdir() if path.is_dir()]
    assert [len(list(path.iterdir())) for path in folders] == [10, 10, 10]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_the_options_of_both(flag: str) -> None:
    for result, program in (
        (run("infer", flag), "graphfix infer"),
        (run_ais_bench(flag), "python -m graphfix.ais_bench"),
    ):
        assert result.code == 0
        assert result.out.startswith(f"usage: {program} [")
        for option in ("--output_dirname", "--auto_set_dymshape_mode", "--contract", "--json"):
            assert option in result.out


def test_an_unknown_option_is_wrong_usage_of_both() -> None:
    message = "unrecognized arguments: --frobnicate; '{} --help' lists the options\n"
    ours = run("infer", "--model", "m.onnx", "--frobnicate")
    assert (ours.code, ours.err) == (2, "error: " + message.format("graphfix infer"))
    theirs = run_ais_bench("--model", "m.onnx", "--frobnicate")
    assert theirs.code == 2
    assert theirs.out == "[ERROR] " + message.format("python -m graphfix.ais_bench")
