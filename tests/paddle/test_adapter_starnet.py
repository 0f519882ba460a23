"""The StarNet adapters on small networks of their topology, exported in several ways."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from graphfix.adapter import Adapter
from graphfix.contract import Array
from graphfix.stages.run import Stage
from graphfix_adapters.starnet import Rare, StarNet
from tests.chain import run_small

# A pass and its rewrites. ATC takes GridSample of opset 16 to 18, but on the AI CPU: it is left
# alone until the audit has it decomposed.
LEFT, DECOMPOSED_LATER = ("gridsample", 0), ("gridsample{mode=decompose}", 1)
RESTORED = DECOMPOSED = ("gridsample", 1)


def outputs(
    adapter: Adapter,
    folder: Path,
    python: str,
    passes: list[tuple[str, int]],
    **options: str,
) -> Array:
    """Run the whole chain, see that it is right, and return what the model says of the samples."""
    report = run_small(adapter, folder, python, **options)

    exported = onnx.load(report.facts(Stage.EXPORT)["model"])
    assert exported.opset_import[0].version == int(options["opset"])
    sampled = [node for node in exported.graph.node if node.op_type == "GridSample"]
    assert len(sampled) == (options.get("placeholder") != "true")

    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    rewrites = [(each["pass"], each["rewrites"]) for each in applied["passes"]]
    assert [each for each in rewrites if each[0].startswith("gridsample")] == passes
    assert not {"error", "wrong"} & set(report.facts(Stage.AUDIT)["counts"])

    written = Path(report.facts(Stage.INFER)["outputs"])
    scores = np.stack([np.load(path)[0] for path in sorted(written.glob("*_0.npy"))])
    assert scores.std(axis=0).max() > 0.01, "the output depends on the picture"
    assert scores.sum(axis=2) == pytest.approx(1, abs=1e-5)
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert figures["acc"] == 0
    assert 0 <= figures["norm_edit_dis"] < 0.5
    return scores


def test_a_placeholder_becomes_what_paddle_exports_for_grid_sample(
    tmp_path: Path, paddle_python: str
) -> None:
    direct = outputs(
        StarNet(), tmp_path / "direct", paddle_python, [LEFT, DECOMPOSED_LATER], opset="16"
    )
    restored = outputs(
        StarNet(),
        tmp_path / "placeholder",
        paddle_python,
        [RESTORED, DECOMPOSED_LATER],
        opset="11",
        placeholder="true",
    )
    assert direct.shape == (5, 25, 37)
    np.testing.assert_allclose(restored, direct, rtol=0, atol=1e-5)


def test_attention_on_resnet34_at_an_opset_that_atc_does_not_sample_at(
    tmp_path: Path, paddle_python: str
) -> None:
    scores = outputs(Rare(), tmp_path, paddle_python, [DECOMPOSED], opset="19", backbone="resnet34")
    assert scores.shape == (5, 6, 38)
