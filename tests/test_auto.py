"""``apply --passes auto``: what is chosen, in which order, and what is said of the rest."""

import json
from pathlib import Path

import pytest
import yaml

from graphfix.errors import UsageError
from graphfix.model import from_text, load, save
from graphfix.stages.auto import split
from tests.cli_runner import Result, run

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "tests" / "plugin_files" / "house_rules.py"
MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[4] x) => (float[4] y)
{
   [abs] a = Abs (x)
   [root] r = Sqrt (a)
   [neg] n = Neg (r)
   [floor] f = Floor (n)
   [ceil] y = Ceil (f)
}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "house.onnx"
    save(from_text(MODEL), path)
    return path


def auto(model: Path, *more: str) -> tuple[Result, dict[str, object]]:
    done = run(
        "apply", model, "--passes", "auto", "--target", "ascend310p3", "--plugin", HOUSE,
        "--json", *more,
    )  # fmt: skip
    return done, json.loads(done.out)


def reasons(report: dict[str, object]) -> dict[str, str]:
    left = report["left"]
    assert isinstance(left, list)
    return {f["nodes"][0]: f["reason"] for f in left if f["rule"] == "ACME101"}


def test_what_holds_is_applied_and_the_rest_is_explained(model: Path) -> None:
    done, report = auto(model)
    assert done.code == 1, "errors are left"
    assert report["pipeline"] == "sqrt-to-pow"
    left = reasons(report)
    assert sorted(left) == ["abs", "ceil", "floor", "neg"]
    assert "drop-neg did not hold" in left["neg"]
    assert "--allow approximate" in left["floor"]
    assert left["abs"] == "keep-abs: it is fine as it is"
    assert "no pass no-such-pass" in left["ceil"]
    kinds = [node.op_type for node in load(model.with_name("house.fixed.onnx")).graph]
    assert "Pow" in kinds
    assert "Neg" in kinds


def test_approximate_passes_are_taken_when_they_are_allowed(model: Path) -> None:
    _, report = auto(model, "--allow", "approximate")
    assert report["pipeline"] == "sqrt-to-pow,drop-floor"
    assert "floor" not in reasons(report)


def test_a_pass_runs_after_those_it_names(model: Path) -> None:
    # Neg is the third node and Sqrt the second, but sqrt-to-pow wants to be after drop-neg.
    done, report = auto(model, "--verify", "off")
    assert report["pipeline"] == "drop-neg,sqrt-to-pow"
    assert done.code == 1


def test_the_same_every_time(model: Path) -> None:
    (_, first), (_, second) = auto(model), auto(model)
    assert first["choices"] == second["choices"]
    assert first["left"] == second["left"]


def test_an_opset_that_changes_no_node_is_still_taken(tmp_path: Path) -> None:
    path = tmp_path / "relu.onnx"
    text = '<ir_version: 9, opset_import: ["" : 20]>\nmain (float[2] x) => (float[2] y)\n'
    save(from_text(text + "{\n   [act] y = Relu (x)\n}"), path)
    done = run("apply", path, "--passes", "auto", "--target", "ascend310p3", "--json")
    assert (done.code, json.loads(done.out)["pipeline"]) == (0, "opset{to=17}")


def test_rounds_are_counted_and_limited(tmp_path: Path) -> None:
    path = tmp_path / "norm.onnx"
    text = '<ir_version: 9, opset_import: ["" : 20]>\nmain (float[2,4] x) => (float[2,4] y)\n{\n'
    save(from_text(text + "   y = Gelu (x)\n}"), path)
    flags = ("--passes", "auto", "--target", "ascend310p3", "--json", "--dry-run")
    whole = json.loads(run("apply", path, *flags).out)
    assert whole["left"] == []
    assert whole["choices"][0]["round"] == 1
    one = json.loads(run("apply", path, *flags, "--max-rounds", "1").out)
    assert {choice["round"] for choice in one["choices"]} == {1}
    assert not path.with_name("norm.fixed.onnx").exists()


def test_what_found_nothing_is_tried_again_after_another_pass(tmp_path: Path) -> None:
    # mask-value takes constant masks only, and this one is constant once it is folded.
    path = tmp_path / "causal.onnx"
    text = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[3,3] x) => (float[3,3] y)
<float[3,3] ones = {1,1,1,1,1,1,1,1,1}, float zero = {0}, float low = {-1e9}>
{
   [lower] triangle = Trilu <upper = 0> (ones)
   [above] later = Equal (triangle, zero)
   [mask] masked = Where (later, low, x)
   [soft] y = Softmax <axis = -1> (masked)
}
"""
    save(from_text(text), path)
    done, report = auto(path, "--dry-run")
    assert (done.code, report["pipeline"]) == (0, "fold-constants,mask-value")


def test_what_failed_is_tried_again_after_another_pass(tmp_path: Path) -> None:
    # No opset before 18 has antialiasing, so the conversion fails until resize-matmul has run.
    path = tmp_path / "thumbnail.onnx"
    text = """
<ir_version: 9, opset_import: ["" : 18]>
main (float[1,3,8,8] x) => (float[1,3,3,3] y)
<int64[2] sizes = {3, 3}>
{
   [down] y = Resize <mode = "cubic", antialias = 1, axes = [2, 3]> (x, "", "", sizes)
}
"""
    save(from_text(text), path)
    done, report = auto(path, "--cann", "6.0")
    assert (done.code, report["pipeline"]) == (0, "resize-matmul,opset{to=15}")
    assert report["left"] == []


def test_what_one_pass_folds_is_a_size_to_the_other(tmp_path: Path) -> None:
    # The size of what is tiled is known once the logarithm is computed, half of it a round later.
    path = tmp_path / "sizes.onnx"
    text = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[4,8] x, float[2] z) => (float[4,8] y)
<int64 zero = {0}, int64 two = {2}, int64[1] one = {1}, float half = {0.5}>
{
   [size] s = Shape (x)
   [rows] n = Gather (s, zero)
   [area] m = Mul (n, n)
   [real] r = Cast <to = 1> (m)
   [log] q = Log (r)
   [whole] k = Cast <to = 7> (q)
   [times] t = Reshape (k, one)
   [tile] w = Tile (z, t)
   [long] u = Shape (w)
   [shape] h = Div (u, two)
   [fill] a = Expand (half, h)
   [mean] b = ReduceMean (a)
   [add] y = Add (x, b)
}
"""
    save(from_text(text), path)
    done, report = auto(path)
    assert (done.code, report["left"]) == (0, [])
    assert report["pipeline"] == "fold-shapes,fold-constants,fold-shapes,fold-constants"


def test_passes_before_auto_run_first_and_the_recipe_holds_all(model: Path) -> None:
    recipe = model.with_name("chosen.yaml")
    done = run(
        "apply", model, "--passes", "opset{to=15},auto", "--target", "ascend310p3",
        "--plugin", HOUSE, "--save-recipe", recipe,
    )  # fmt: skip
    assert "pipeline: opset{to=15},sqrt-to-pow" in done.out
    assert yaml.safe_load(recipe.read_text())["passes"] == [{"opset": {"to": 15}}, "sqrt-to-pow"]


def test_a_model_without_findings_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    text = '<ir_version: 8, opset_import: ["" : 13]>\nmain (float[2] x) => (float[2] y)\n'
    save(from_text(text + "{\n   [act] y = Relu (x)\n}"), path)
    done = run("apply", path, "--passes", "auto", "--target", "ascend310p3")
    assert done.code == 0
    assert "nothing to do" in done.out
    written = load(path.with_name("plain.fixed.onnx"))
    assert [node.op_type for node in written.graph] == ["Relu"]


def test_a_spectrogram_of_an_open_wave_is_made_fit(tmp_path: Path) -> None:
    path = tmp_path / "spectrogram.onnx"
    text = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[N,L] wave) => (float[N,F,201] levels)
<int64 step = {160}, int64 size = {400}, int64[1] last = {-1}, float small = {0.001}>
{
   [window] w = HannWindow (size)
   [frames] z = STFT (wave, step, w)
   [squares] p = Mul (z, z)
   [power] s = ReduceSum <keepdims = 0> (p, last)
   [above] u = Add (s, small)
   [log] levels = Log (u)
}
"""
    save(from_text(text), path)
    done, report = auto(path)
    assert report["pipeline"] == "fold-constants,dft"
    left = report["left"]
    assert isinstance(left, list)
    assert {finding["rule"] for finding in left} == {"GF133"}, "the open sizes"
    assert done.code == 0


def test_starnet_is_made_fit() -> None:
    done = run(
        "apply", ROOT / "examples" / "starnet.onnx", "--passes", "auto", "--target",
        "ascend310p3", "--dry-run", "--json",
    )  # fmt: skip
    report = json.loads(done.out)
    assert done.code == 0
    chosen = [choice["pass"] for choice in report["choices"]]
    assert "gridsample{mode=decompose}" in chosen
    assert "fold-constants" in chosen
    assert report["applied"]["final"]["status"] == "passed"
    assert all(finding["remedy"] is None or finding["reason"] for finding in report["left"])


def test_auto_needs_a_target(model: Path) -> None:
    done = run("apply", model, "--passes", "auto")
    assert done.code == UsageError.exit_code
    assert "--target" in done.err


def test_auto_stands_at_the_end() -> None:
    assert split("auto") == ("", True)
    assert split("sim, auto") == ("sim", True)
    assert split("auto,sim") == ("auto,sim", False)
    assert split("out-nodes{keep=[a,auto]}") == ("out-nodes{keep=[a,auto]}", False)
