"""Bad input: one clear message, the right exit code, and nothing half-written."""

import json
import os
import re
import resource
import stat
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from tests.cli_runner import Result, run

PASS = ("--passes", "out-nodes{keep=[a]}")


def small_model(weights: int = 4) -> onnx.ModelProto:
    """``y = x + w`` with a weight of ``weights`` floats."""
    weight = numpy_helper.from_array(np.arange(weights, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weights])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", weights])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(small_model(), path)
    return path


def refused(result: Result, code: int, message: str) -> None:
    """One message on stderr that matches, no traceback, this exit code."""
    assert "Traceback" not in result.err + result.out
    assert re.search(message, result.err), result.err
    assert result.err.count("error:") == 1, result.err
    assert result.code == code


def nothing_written(folder: Path, *names: str) -> None:
    """The folder holds exactly these files."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "nothere.onnx"
    refused(run("apply", missing, *PASS), 2, f"error: {re.escape(str(missing))}: no such file")
    nothing_written(tmp_path)


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    refused(run("apply", tmp_path, *PASS), 2, "is a folder")


@pytest.mark.parametrize(
    "content", [b"", b"hello world, this is text\n", b"PK\x03\x04" + bytes(100), b"\x89PNG\r\n"]
)
def test_not_an_onnx_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    refused(run("apply", path, *PASS), 1, re.escape(str(path)))
    nothing_written(tmp_path, "model.onnx")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_truncated_file(tmp_path: Path, share: float) -> None:
    path = tmp_path / "model.onnx"
    whole = small_model(4096).SerializeToString()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(run("apply", path, *PASS), 1, f"{re.escape(str(path))}.*(truncated|cut|ends)")
    nothing_written(tmp_path, "model.onnx")


def test_unknown_pass_suggests_one(model: Path) -> None:
    refused(
        run("apply", model, "--passes", "gridsampel,sim"),
        2,
        r"error: there is no pass called 'gridsampel'; did you mean 'gridsample'\?\n"
        r"  gridsampel,sim\n  \^",
    )


def test_bad_option_points_at_it(model: Path) -> None:
    refused(
        run("apply", model, "--passes", "sim{timeout=soon}"),
        2,
        r"error: sim: option 'timeout': 'soon' is not an integer\n  sim\{timeout=soon\}\n      \^",
    )


def test_no_passes(model: Path) -> None:
    refused(run("apply", model), 2, "error: give the passes by --passes or by --recipe")


def test_bad_shape(model: Path) -> None:
    refused(run("apply", model, *PASS, "--shape", "x:1,5"), 2, "fixes it to 4")
    refused(run("apply", model, *PASS, "--shape", "nothere:1,4"), 2, "nothere")
    refused(run("apply", model, *PASS, "--shape", "x"), 2, "shape 'x'")


def test_recipe_that_is_not_there(model: Path, tmp_path: Path) -> None:
    refused(run("apply", model, "--recipe", tmp_path / "r.yaml"), 2, "r.yaml")


def test_data_that_does_not_fit(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    np.savez(data, wrong=np.zeros((1, 4), np.float32))
    refused(run("apply", model, *PASS, "--data", data), 2, "data.npz")


def external_model(folder: Path) -> Path:
    path = folder / "model.onnx"
    proto = small_model(4096)
    external_data_helper.convert_model_to_external_data(
        proto, location="weights.bin", size_threshold=0
    )
    onnx.save(proto, path)
    return path


def test_missing_external_data(tmp_path: Path) -> None:
    path = external_model(tmp_path)
    (tmp_path / "weights.bin").unlink()
    refused(run("apply", path, *PASS), 1, "weights.bin")
    nothing_written(tmp_path, "model.onnx")


def test_external_data_that_is_too_short(tmp_path: Path) -> None:
    path = external_model(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"1234")
    refused(run("apply", path, *PASS), 1, "weights.bin")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "sub/../../secret.bin"])
def test_external_path_that_escapes(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4096 * 4))
    folder = tmp_path / "models"
    folder.mkdir()
    proto = small_model(4096)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    refused(run("apply", path, *PASS), 1, re.escape(location))
    nothing_written(folder, "model.onnx")


def test_model_without_shapes_is_refused_until_a_shape_is_given(tmp_path: Path) -> None:
    proto = small_model()
    for info in (*proto.graph.input, *proto.graph.output):
        info.type.tensor_type.ClearField("shape")
    path = tmp_path / "model.onnx"
    onnx.save(proto, path)
    opset = ("--passes", "opset{to=17}")
    refused(run("apply", path, *opset), 1, "not verified, because .*--shape x:")
    nothing_written(tmp_path, "model.onnx")
    assert run("apply", path, *opset, "--shape", "x:2,4").code == 0


PLUGIN = """
from graphfix.rewrite import RewritePass


class Mine(RewritePass):
    '''Do nothing.'''

    name = "sim"
    match_ops = ("Relu",)

    def rewrite(self, node, rw):
        return rw.skip("never")
"""


def test_two_plugins_with_one_name(model: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    refused(
        run("apply", model, *PASS, "--plugin", plugin),
        2,
        rf"two plugins offer a pass called 'sim': .*graphfix .* and .*{re.escape(str(plugin))}",
    )


def test_output_folder_that_does_not_exist(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "no" / "out.onnx"
    refused(run("apply", model, *PASS, "-o", target), 2, "does not exist")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder nobody can write to")
def test_output_folder_that_is_not_writable(model: Path) -> None:
    refused(run("apply", model, *PASS, "-o", "/sys/kernel/out.onnx"), 2, "/sys/kernel")


def test_output_that_is_the_input(model: Path) -> None:
    refused(run("apply", model, *PASS, "-o", model), 2, "--in-place")


def test_disk_that_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(small_model(4096), path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        result = run("apply", path, *PASS, "--in-place")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    refused(result, 1, f"error: {re.escape(str(path))}: cannot be written, no space left")
    assert path.read_bytes() == before
    nothing_written(tmp_path, "model.onnx")


def test_errors_are_json_too(tmp_path: Path) -> None:
    result = run("apply", tmp_path / "nothere.onnx", *PASS, "--json")
    assert json.loads(result.out)["exit_code"] == 2
    assert "no such file" in json.loads(result.out)["error"]


def test_unknown_command_and_option(model: Path) -> None:
    assert run("aply").code == 2
    assert run("apply", model, *PASS, "--shpe", "x:1,4").code == 2


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_a_pipe_is_not_replaced_by_a_file(model: Path, tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    link = tmp_path / "link.json"
    link.symlink_to(pipe)
    for path in (pipe, link):
        refused(
            run("apply", model, *PASS, option, path),
            2,
            f"error: {option} {re.escape(str(path))}: is a device or a pipe and would be replaced",
        )
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    nothing_written(tmp_path, "model.onnx", "pipe.json", "link.json")


def test_a_report_that_cannot_be_written_stops_before_the_work(model: Path, tmp_path: Path) -> None:
    report = tmp_path / "none" / "report.json"
    refused(run("apply", model, *PASS, "--report", report), 2, "create it first")
    nothing_written(tmp_path, "model.onnx")


def test_a_report_does_not_replace_the_model(model: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    link = tmp_path / "link.json"
    link.symlink_to(model)
    for output, report in ((tmp_path / "out.onnx", link), (tmp_path / "a.md", tmp_path / "a.md")):
        result = run("apply", model, *PASS, "-o", output, "--report", report)
        refused(result, 2, "is the model itself; give the report its own name")
    assert model.read_bytes() == before
    nothing_written(tmp_path, "model.onnx", "link.json")
