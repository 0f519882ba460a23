"""The auto-optimizer pass where the tool is not there; with it see ``tests/bridges``."""

import sys
from pathlib import Path
from typing import Any

import pytest

from graphfix.errors import PassError, PipelineError
from graphfix.model import from_text, save
from graphfix.pipeline import parse
from graphfix.rewrite import PassContext, Selector
from graphfix_passes._auto_optimizer_rules import RULES, Knowledge
from graphfix_passes.auto_optimizer import AutoOptimizer
from tests import golden
from tests.cli_runner import run

MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[2] x) => (float[2] y)
{
   [relu] y = Relu (x)
}
"""


@pytest.mark.parametrize("text", ["bn-folding", "KnowledgeBNFolding", "knowledgebnfolding", "14"])
def test_a_rule_has_three_names(text: str) -> None:
    (item,) = parse(f"auto-optimizer{{knowledge={text}}}", golden.registry()).passes
    assert isinstance(item, AutoOptimizer)
    assert item.knowledge == "bn-folding"
    assert item.knowledge.own == "KnowledgeBNFolding"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("bn-fold", "did you mean 'bn-folding'?"),
        ("KnowledgeBNFold", "did you mean 'KnowledgeBNFolding'?"),
        ("17", f"there are: {', '.join(RULES)}"),
    ],
)
def test_an_unknown_rule_gets_a_suggestion_in_its_own_spelling(text: str, hint: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse(f"auto-optimizer{{knowledge={text}}}", golden.registry())
    assert str(caught.value).splitlines()[0] == (
        f"auto-optimizer: option 'knowledge': there is no rule {text!r}; {hint}"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"select": Selector("op=Relu")},
            "auto-optimizer picks its nodes itself; remove select=",
        ),
        ({"timeout": 0}, "timeout must be positive, and memory must not be negative"),
        ({"start": "relu", "end": "relu"}, "big-kernel, and no other rule, needs both"),
        ({"end": "relu"}, "big-kernel, and no other rule, needs both"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PassError) as caught:
        AutoOptimizer(knowledge=Knowledge("merge-casts"), **options).run(
            from_text(MODEL), PassContext()
        )
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("python", "lines"),
    [
        (
            "no-such-python",
            ["error: auto-optimizer: python=no-such-python: there is no such program; make an"],
        ),
        (
            sys.executable,
            [f"error: auto-optimizer: {sys.executable} cannot run the tool:", "No module named"],
        ),
    ],
)
def test_an_interpreter_without_the_tool_is_not_the_models_fault(
    python: str, lines: list[str], tmp_path: Path
) -> None:
    save(from_text(MODEL), tmp_path / "model.onnx")
    text = f"auto-optimizer{{knowledge=merge-casts,python={python}}}"
    result = run("apply", tmp_path / "model.onnx", "--passes", text)
    assert result.code == 3
    for line in lines:
        assert line in result.err
    assert "uv pip install --python auto-optimizer msit==8.2.0 onnx==1.16.2 'numpy<2'" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
