"""What README.md shows works as it stands there."""

import re
from pathlib import Path

import onnx
import pytest

from tests.cli_runner import run

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

MODEL = """
<ir_version: 8, opset_import: ["" : 16]>
main (float[N,3] x) => (float[N,3] y)
<float two = {2.0}>
{
   [square] y = Pow (x, two)
}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_command_is_the_one_that_is_checked() -> None:
    """``.ci/run`` runs these two lines; the first block must be the whole first command."""
    plain = blocks("(?:sh)?")
    assert plain[0] == (
        "pip install uv && uv run graphfix apply examples/starnet.onnx --passes gridsample,sim\n"
    )
    assert "uv run pytest\n" in plain


def test_the_pass_in_the_readme_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = blocks("python")
    (tmp_path / "my_passes.py").write_text(source)
    onnx.save(onnx.parser.parse_model(MODEL), tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    command = "apply model.onnx --plugin my_passes.py --passes pow-to-mul"
    assert f"`graphfix {command}`" in README
    result = run(*command.split())
    assert result.code == 0, result.err
    nodes = onnx.load("model.fixed.onnx").graph.node
    assert [node.op_type for node in nodes] == ["Mul"]
