"""The ir: passes: what the golden file cannot show."""

import logging
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import from_text, save
from graphfix.rewrite import PassContext, Selector
from graphfix_passes._ir_pass import IrPass
from graphfix_passes.ir_passes import (
    ClearMetadataAndDocString,
    DeduplicateInitializers,
    RemoveUnusedFunctions,
)
from tests.cli_runner import run

MODEL = """
<ir_version: 8, opset_import: ["" : 13, "local" : 1]>
main (float[2] x) => (float[2] y)
<float[2] v = {1, 2}, float[2] w = {1, 2}>
{
   [first] a = Add (x, v)
   [second] y = Mul (a, w)
}
<domain: "local", opset_import: ["" : 13]>
Twice (i) => (o) { o = Add (i, i) }
"""


def test_metadata_goes_and_is_reported() -> None:
    model = from_text(MODEL)
    model.graph[0].doc_string = "a node"
    model.graph.metadata_props["of"] = "the graph"
    model.graph[0].metadata_props["by"] = "me"
    result = ClearMetadataAndDocString().run(model, PassContext())
    assert not result.model.graph.metadata_props
    assert (result.model.graph[0].doc_string, result.model.graph[0].metadata_props) == (None, {})
    assert [rewrite.note for rewrite in result.rewrites] == [
        "~ model graph: metadata 'of': the graph -> absent",
        "~ Add 'first': doc_string: a node -> ; metadata: {'by': 'me'} -> {}",
    ]


def test_what_is_not_a_node_is_reported() -> None:
    result = RemoveUnusedFunctions().run(from_text(MODEL), PassContext())
    assert [rewrite.note for rewrite in result.rewrites] == ["- function local::Twice"]


def test_a_whole_model_has_no_selection() -> None:
    with pytest.raises(PassError, match=r"^this pass takes the whole model; remove select=$"):
        ClearMetadataAndDocString(select=Selector("op=Relu")).run(from_text(MODEL), PassContext())


def test_a_failure_is_told_without_a_traceback() -> None:
    class Broken(ir.passes.InPlacePass):
        def call(self, model: ir.Model) -> ir.passes.PassResult:
            raise KeyError("lost")

    class Wrapped(IrPass):
        name = "wrapped"

        def tool(self) -> Broken:
            return Broken()

    with pytest.raises(PassError, match=r"^KeyError: 'lost'$"):
        Wrapped().run(from_text(MODEL), PassContext())


def test_the_libraries_do_not_talk(caplog: pytest.LogCaptureFixture) -> None:
    model = from_text(MODEL)
    for name in ("v", "w"):
        model.graph.inputs.append(model.graph.initializers[name])
    with caplog.at_level(logging.DEBUG):
        DeduplicateInitializers().run(model, PassContext())
    assert not caplog.records
    assert logging.getLogger("onnx_ir").level == logging.NOTSET


def test_without_onnxscript_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Absent(MetaPathFinder):
        def find_spec(self, name: str, *_: object) -> None:
            if name == "onnxscript":
                raise ModuleNotFoundError("No module named 'onnxscript'", name=name)

    for name in [name for name in sys.modules if name.partition(".")[0] == "onnxscript"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    save(from_text(MODEL), tmp_path / "model.onnx")
    result = run("apply", tmp_path / "model.onnx", "--passes", "ir:rewrite")
    assert result.code == 3
    assert result.err == (
        "error: ir:rewrite: this needs onnxscript, which is not installed; run pip install "
        "'graphfix[onnxscript]'\n"
    )


def test_files_get_names_without_a_colon(tmp_path: Path) -> None:
    save(from_text(MODEL), tmp_path / "model.onnx")
    steps = tmp_path / "steps"
    steps.mkdir()
    result = run("apply", tmp_path / "model.onnx", "--passes", "ir:name-fix", "--save-all", steps)
    assert result.code == 0, result.err
    assert sorted(path.name for path in steps.iterdir()) == [
        "00-source.onnx",
        "01-ir-name-fix.onnx",
    ]
