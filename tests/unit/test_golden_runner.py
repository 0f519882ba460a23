"""The runner of golden files notices what it must."""

from pathlib import Path
from typing import ClassVar

import onnx_ir as ir
import pytest

from graphfix.contract import Close, Contract
from graphfix.pipeline import Pipeline
from graphfix.plugins import Registry
from graphfix.rewrite import RewritePass, Rewriter, Skip
from tests import golden

FENCE = "`" * 3
BEFORE = '<ir_version: 8, opset_import: ["" : 17]>\nmain (float[N,3] x) => (float[N,3] y) {{ {} }}'


class PowToMul(RewritePass):
    """Replace squares."""

    name = "pow-to-mul"
    match_ops: ClassVar[tuple[str, ...]] = ("Pow",)
    must_match = False
    contract: ClassVar[Contract] = Close()

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        if rw.scalar(node.inputs[1]) != 2:
            return rw.skip("the exponent is not the constant 2")
        return rw.op("Mul", node.inputs[0], node.inputs[0])


class Wrong(PowToMul):
    """Replace squares by sums."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        return rw.op("Add", node.inputs[0], node.inputs[0])


class Restless(PowToMul):
    """Add one more Identity in every run."""

    match_ops: ClassVar[tuple[str, ...]] = ("Mul", "Pow")

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        return rw.op("Mul", rw.op("Identity", node.inputs[0]), node.inputs[0])


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, PowToMul)


def choose(monkeypatch: pytest.MonkeyPatch, cls: type[RewritePass]) -> None:
    monkeypatch.setattr(golden, "registry", lambda: Registry([]))
    monkeypatch.setattr(golden, "parse", lambda text, registry: Pipeline((cls(),)))


def square(exponent: str = "2") -> str:
    return BEFORE.format(f"two = Constant <value = float {{{exponent}}}> ()\n [p] y = Pow (x, two)")


def write(folder: Path, *blocks: tuple[str, str], title: str = "Squares") -> golden.Case:
    text = f"# pow-to-mul\n\n## {title}\n\nSome prose.\n"
    for kind, content in blocks:
        text += f"\n{FENCE}{kind}\n{content}\n{FENCE}\n"
    file = folder / "pow-to-mul.md"
    file.write_text(text, encoding="utf-8")
    return golden.read(file)[0]


@pytest.mark.usefixtures("use")
def test_update_writes_the_graph_and_the_next_run_holds_it(tmp_path: Path) -> None:
    case = write(tmp_path, ("onnx before", square()), ("onnx after", ""))
    with pytest.raises(golden.GoldenError, match="--update-golden"):
        golden.run(case)
    golden.run(case, update=True)
    (written,) = golden.read(case.file)
    golden.run(written)

    assert "Mul (x, x)" in (written.after or "")
    assert written.before == case.before


@pytest.mark.usefixtures("use")
def test_update_adds_a_block_where_there_is_none(tmp_path: Path) -> None:
    case = write(tmp_path, ("onnx before", square()), ("toml", "skips = []"))
    with pytest.raises(golden.GoldenError, match="give it a block 'onnx after'"):
        golden.run(case)
    golden.run(case, update=True)
    (written,) = golden.read(case.file)

    assert written.rewrites
    golden.run(written)


@pytest.mark.usefixtures("use")
def test_counts_of_operators(tmp_path: Path) -> None:
    right = write(tmp_path, ("onnx before", square()), ("ops after", "Mul 1"))
    golden.run(right)
    wrong = write(tmp_path, ("onnx before", square()), ("ops after", "Mul 2"))
    with pytest.raises(golden.GoldenError, match=r"-Mul 2\n\+Mul 1"):
        golden.run(wrong)


@pytest.mark.usefixtures("use")
def test_skips_must_be_the_ones_listed(tmp_path: Path) -> None:
    reason = "the exponent is not the constant 2"
    blocks = [("onnx before", square("3"))]
    golden.run(write(tmp_path, *blocks, ("toml", f'skips = ["{reason}"]')))
    with pytest.raises(golden.GoldenError, match=r"\+the exponent is not the constant 2"):
        golden.run(write(tmp_path, *blocks))
    with pytest.raises(golden.GoldenError, match="-something else"):
        golden.run(write(tmp_path, *blocks, ("toml", 'skips = ["something else"]')))


def test_wrong_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, Wrong)
    case = write(tmp_path, ("onnx before", square()), ("onnx after", ""))
    with pytest.raises(golden.GoldenError, match=r"output 'y': max \|diff\|"):
        golden.run(case, update=True)


def test_a_second_run_that_changes_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, Restless)
    case = write(tmp_path, ("onnx before", square()), ("onnx after", ""))
    with pytest.raises(golden.GoldenError, match="a second run changes the graph again"):
        golden.run(case, update=True)


@pytest.mark.usefixtures("use")
def test_feeds_that_hide_nothing_are_the_ones_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, Wrong)
    hiding = ("toml", "feeds.x = { values = [0, 2] }\ndims.N = [2, 5]")  # x + x == x * x there
    golden.run(write(tmp_path, ("onnx before", square()), ("onnx after", ""), hiding), update=True)


def test_error_is_compared_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(PowToMul):
        must_match = True

    choose(monkeypatch, Strict)
    message = (
        "nothing matched, so the pass changed nothing; write pow-to-mul{optional} if that is fine"
    )
    before = ("onnx before", BEFORE.format("y = Relu (x)"))
    golden.run(write(tmp_path, before, ("toml", f'error = "{message}"')))
    with pytest.raises(golden.GoldenError, match="expected the error"):
        golden.run(write(tmp_path, before, ("toml", 'error = "nothing matched"')))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([("onnx after", "")], "has no block 'onnx before'"),
        ([("onnx before", ""), ("onnx before", "")], "has two blocks 'onnx before'"),
        ([("onnx before", ""), ("python", "")], "has a block of an unknown kind"),
        ([("onnx before", ""), ("toml", "feed = 1")], r"has unknown keys \['feed'\]"),
    ],
)
def test_files_that_are_not_well_formed(
    tmp_path: Path, blocks: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(golden.GoldenError, match=message):
        write(tmp_path, *blocks)
