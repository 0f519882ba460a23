"""``graphfix lower``, ``graphfix raise``, and the second file of ``graphfix apply``."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest

from tests.cli_runner import run

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
SCHEMA = json.loads((ROOT / "graphfix" / "report" / "apply.schema.json").read_text())
SCRIPT = """
<ir_version: 6, opset_import: ["" : 11]>
main (float[1,2,4,4] x, float[1,3,3,2] grid) => (float[1,18] y)
   <int32[2] shape = {1, 18}>
{
   [sample] s = GridSample <mode = "bilinear", padding_mode = "zeros", align_corners = 0> (x, grid)
   [flat] y = Reshape (s, shape)
}
"""
GELU = """
<ir_version: 8, opset_import: ["" : 13, "com.microsoft" : 1]>
main (float[2] x) => (float[2] y)
{
   [a] z = com.microsoft.Gelu (x)
   [b] y = Relu (z)
}
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnxtxt"
    path.write_text(SCRIPT)
    return path


def _nodes(path: Path) -> list[tuple[str, str]]:
    return [(node.domain, node.op_type) for node in onnx.load(path).graph.node]


def test_there_and_back(script: Path, tmp_path: Path) -> None:
    raised = run("raise", script, "--json")
    assert raised.code == 0, raised.err
    document: dict[str, Any] = json.loads(raised.out)
    file = tmp_path / "net.raised.onnx"
    assert document["written"] == [str(file)]
    assert [change["node"] for change in document["changes"]] == ["sample", "flat"]
    assert _nodes(file) == [("com.microsoft", "GridSample"), ("", "Reshape")]
    lowered = run("lower", file, "--target", "ascend310p3")
    assert lowered.code == 0, lowered.err
    assert lowered.out.splitlines() == [
        "GridSample 'sample': com.microsoft::GridSample spelled GridSample",
        "opset import 'com.microsoft' dropped, as unused",
        "raised again: the same nodes",
        f"wrote {tmp_path / 'net.raised.atc.onnx'}",
    ]
    assert _nodes(tmp_path / "net.raised.atc.onnx") == [("", "GridSample"), ("", "Reshape")]
    compared = run("compare", file, tmp_path / "net.raised.atc.onnx", "--json")
    assert compared.code == 0, compared.out
    assert list(json.loads(compared.out)["raised"]) == [str(tmp_path / "net.raised.atc.onnx")]


def test_what_a_script_of_the_model_zoo_makes_of_starnet_can_be_compared(tmp_path: Path) -> None:
    """It plants a GridSample into the export of opset 11, in the place of its stand-in."""
    model = onnx.load(EXAMPLES / "starnet_placeholder.onnx")
    grid, rectified = "p2o.pd_op.transpose.4.0", "p2o.pd_op.transpose.7.0"
    (end,) = (node for node in model.graph.node if rectified in node.output)
    end.CopyFrom(
        onnx.helper.make_node(
            "GridSample", ["x", grid], [rectified], "GridSample_0",
            mode="bilinear", padding_mode="zeros", align_corners=1,
        )
    )  # fmt: skip
    script = tmp_path / "script.onnx"
    onnx.save(model, script)
    result = run("compare", EXAMPLES / "starnet.onnx", script, "--shape", "x:1,3,32,100", "--json")
    document = json.loads(result.out)
    assert document["status"] == "passed", result.out
    assert list(document["raised"]) == [str(script)]


def test_apply_writes_the_second_file(script: Path, tmp_path: Path) -> None:
    assert run("raise", script).code == 0
    model, fixed = tmp_path / "net.raised.onnx", tmp_path / "net.raised.fixed.onnx"
    passes = ("--passes", "opset{to=11}", "--target", "Ascend310P3")
    result = run("apply", model, *passes, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    jsonschema.validate(document, SCHEMA)
    second = tmp_path / "net.raised.atc.onnx"
    assert document["written"] == [str(fixed)]
    assert document["atc"]["file"] == str(second)
    assert document["atc"]["target"] == "Ascend310P3, CANN 8.5"
    assert _nodes(fixed) == [("com.microsoft", "GridSample"), ("", "Reshape")]
    assert _nodes(second) == [("", "GridSample"), ("", "Reshape")]
    text = run("apply", model, *passes)
    assert f"wrote {second}, for Ascend310P3, CANN 8.5:" in text.out
    second.unlink()
    assert run("apply", model, *passes, "--dry-run").code == 0
    assert not second.exists()


def test_auto_audits_what_atc_reads(script: Path, tmp_path: Path) -> None:
    """The model itself has an operator and an import that ATC does not take."""
    assert run("raise", script).code == 0
    model = tmp_path / "net.raised.onnx"
    result = run("apply", model, "--passes", "auto", "--target", "Ascend310P3", "--json")
    document = json.loads(result.out)
    assert document["before"].startswith("not fit")
    assert document["after"].startswith("fit")
    assert result.code == 0


def test_apply_points_to_raise(script: Path, tmp_path: Path) -> None:
    result = run("apply", script, "--passes", "opset{to=11}")
    assert result.code == 1
    assert "net.onnxtxt is written for ATC, and 'graphfix raise' makes it ONNX" in result.err
    assert list(tmp_path.iterdir()) == [script]


def test_apply_says_why_there_is_no_second_file(tmp_path: Path) -> None:
    model = tmp_path / "net.onnxtxt"
    model.write_text(GELU)
    passes = ("--passes", "opset{to=13}", "--target", "Ascend310P3")
    result = run("apply", model, *passes, "--json")
    document = json.loads(result.out)
    jsonschema.validate(document, SCHEMA)
    assert document["atc"]["file"] is None
    assert "the domain 'com.microsoft'" in document["atc"]["not_written_because"]
    assert document["atc"]["older_file"] is None
    assert not list(tmp_path.glob("*.atc.onnx"))
    older = tmp_path / "net.atc.onnx"
    older.write_text("of yesterday")
    errors = run("apply", model, *passes).err
    assert "warning: no file for ATC" in errors
    assert f"warning: {older} is of an earlier run" in errors
    assert older.read_text() == "of yesterday"


def test_without_a_target_there_is_no_second_file(tmp_path: Path) -> None:
    model = tmp_path / "net.onnxtxt"
    model.write_text(GELU)
    result = run("apply", model, "--passes", "opset{to=13}", "--json")
    assert json.loads(result.out)["atc"] is None


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (("lower", "net.onnxtxt"), 1, "is written for ATC already; 'graphfix raise' makes it ONNX"),
        (("lower", "gelu.onnxtxt"), 1, "Gelu 'a': it is of the domain 'com.microsoft'"),
        (("lower", "gelu.onnxtxt", "--target", "Ascend9"), 2, "is no SoC that is known"),
        (("lower", "gelu.onnxtxt", "-o", "gelu.onnxtxt"), 2, "is the input itself"),
        (("raise", "net.onnxtxt", "-o", "no/folder.onnx"), 2, "does not exist"),
        (("raise", "none.onnx"), 2, "no such file"),
        (("raise", "odd.onnxtxt"), 1, "Odd 'o': neither ONNX nor graphfix has this operator"),
    ],
)
def test_bad_requests_write_nothing(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gelu.onnxtxt").write_text(GELU)
    (tmp_path / "odd.onnxtxt").write_text(SCRIPT.replace("[flat] y = Reshape", "[o] y = Odd"))
    before = sorted(tmp_path.iterdir())
    result = run(*command)
    assert result.code == code
    assert message in result.err
    assert result.err.count("error:") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_lowering_is_held_by_numbers_where_nodes_differ(tmp_path: Path) -> None:
    model = tmp_path / "net.onnxtxt"
    model.write_text("""
    <ir_version: 6, opset_import: ["" : 11]>
    main (float[2,3,4] x) => (float[2,3,4] y)
    { [attention] y = Softmax <axis = 1> (x) }
    """)
    result = run("lower", model, "--json")
    document = json.loads(result.out)
    assert document["verification"]["status"] == "passed"
    assert document["verification"]["outputs"][0]["output"] == "y"


def test_an_operator_of_a_target_file_is_held_against_its_function(tmp_path: Path) -> None:
    model, target = tmp_path / "net.onnxtxt", tmp_path / "target.yaml"
    model.write_text("""
    <ir_version: 8, opset_import: ["" : 13, "my.domain" : 1]>
    main (float[2] x) => (float[2] y)
    { [gate] y = my.domain.Gate <beta: float = 2.0> (x) }
    <domain: "my.domain", opset_import: ["" : 13]>
    Gate <beta: float = 1.0> (x) => (y)
    {
       b = Constant <value_float: float = @beta> ()
       bx = Mul (b, x)
       y = Sigmoid (bx)
    }
    """)
    target.write_text("operators: {Gate: 11-15}")
    result = run("lower", model, "--target-file", target)
    assert result.code == 0, result.err
    assert "raised again: the same nodes" in result.out
    assert _nodes(tmp_path / "net.atc.onnx") == [("", "Gate")]
    assert run("lower", model).code == 0
    assert [op for _, op in _nodes(tmp_path / "net.atc.onnx")] == ["Constant", "Mul", "Sigmoid"]


def test_the_reading_of_softmax_is_an_option(tmp_path: Path) -> None:
    model = tmp_path / "net.onnxtxt"
    model.write_text("""
    <ir_version: 6, opset_import: ["" : 11]>
    main (float[2,3,4] x) => (float[2,3,4] y)
    { [attention] y = Softmax <axis = 1> (x) }
    """)
    for reading, nodes in (("atc", 3), ("onnx", 1)):
        result = run("raise", model, "--softmax", reading)
        assert f"is read as {reading.upper()} does" in result.out
        assert len(_nodes(tmp_path / "net.raised.onnx")) == nodes
