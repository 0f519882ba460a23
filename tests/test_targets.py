"""``graphfix targets`` and ``graphfix explain op``."""

import json
from pathlib import Path

import pytest

from graphfix.model import from_text, save
from graphfix.target import CANN_RELEASES, SOCS
from tests.cli_runner import run


def test_targets_lists_every_soc_and_release() -> None:
    text = run("targets").out
    assert all(soc.name in text for soc in SOCS)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert rows["6.0"] == ["8-15", "one"]
    assert rows["9.1"] == ["8-18", "one"]
    assert rows["development"] == ["8-18", "several"]
    found = json.loads(run("targets", "--json").out)
    assert [soc["name"] for soc in found["socs"]] == [soc.name for soc in SOCS]
    assert found["cann"] == list(CANN_RELEASES)


def test_explain_op_says_what_is_known_and_where_from() -> None:
    result = run("explain", "op", "Resize", "--target", "ascend310p3", "--cann", "8.5")
    assert result.code == 0
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "Resize for Ascend310P3, CANN 8.5"
    assert "10-18 yes source hicann/ge, ops-nn, ops-cv, ops-math @8.5.0" in lines
    assert "19-26 no source hicann/ge, ops-nn, ops-cv, ops-math @8.5.0" in lines
    assert any(line.startswith("ResizeNearestNeighborV2 yes float float16 yes") for line in lines)


@pytest.mark.parametrize("name", ["Conv", "DFT", "LSTM"])
def test_explain_points_from_an_operator_to_explain_op(name: str) -> None:
    result = run("explain", name)
    assert result.code == 2
    assert f"{name!r} is no pass; for an operator: graphfix explain op {name}" in result.err


def test_explain_op_as_json() -> None:
    result = run("explain", "op", "npu::NPURoiAlign", "--cann", "9.0", "--json")
    found = json.loads(result.out)
    assert found["becomes"] == ["ROIAlign"]
    assert found["support"] == [
        {
            "opsets": "1",
            "verdict": True,
            "evidence": "source",
            "citation": "hicann/ge, ops-nn, ops-cv, ops-math @9.0.0",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("op", "Nope"), "no table has an operator 'Nope'"),
        (("op", "Conv", "--cann", "10"), "--cann '10' is not one of"),
        (("op", "Conv", "--target", "x"), "--target 'x' is no SoC"),
        (("sim", "Conv"), "explain takes one name, or 'op' and an operator"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run("explain", *arguments)
    assert result.code == 2
    assert result.err.startswith(f"error: {message}")


def test_a_target_file_adds_an_operator(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("operators:\n  MyOp: 8-18\n")
    result = run("explain", "op", "MyOp", "--target-file", path)
    assert result.code == 0, result.err
    assert " ".join(result.out.split()).endswith(f"8-18 yes user {path} 19-26 no user {path}")


SAMPLE = """<ir_version: 8, opset_import: ["" : 16]>
main (float[1,1,4,4] x, float[1,2,2,2] grid) => (float[1,1,2,2] y)
{ [s] y = GridSample <mode = "bilinear"> (x, grid) }
"""


@pytest.mark.parametrize(
    ("cann", "rewrites", "note"),
    [("8.5", 0, "takes GridSample"), ("6.0", 1, "does not take it"), ("7.0", 1, "nobody knows")],
)
def test_passes_ask_the_target(tmp_path: Path, cann: str, rewrites: int, note: str) -> None:
    save(from_text(SAMPLE), tmp_path / "m.onnx")
    result = run(
        "apply", tmp_path / "m.onnx", "--passes", "gridsample",
        "--target", "ascend310p3", "--cann", cann, "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert len(report["steps"][0]["rewrites"]) == rewrites
    assert report["settings"]["target"] == f"Ascend310P3, CANN {cann}"
    said = [*report["steps"][0]["rewrites"], *report["steps"][0]["skips"]]
    assert note in (said[0].get("note") or said[0]["reason"])
    assert all(skip["satisfied"] for skip in report["steps"][0]["skips"])


def test_an_unknown_target_is_refused_before_the_work(tmp_path: Path) -> None:
    save(from_text(SAMPLE), tmp_path / "m.onnx")
    result = run("apply", tmp_path / "m.onnx", "--passes", "gridsample", "--target", "ascend3")
    assert result.code == 2
    assert "--target 'ascend3' is no SoC that is known" in result.err
