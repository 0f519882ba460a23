"""The OCRNet adapter on a small network of its topology, as paddle2onnx exports it."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from graphfix.stages.run import Stage
from graphfix_adapters.ocrnet import OCRNet
from tests.chain import run_small

SWITCHED = (0, 2, 3, 5, 7, 9, 14, 16, 18, 19, 26, 28, 29, 32)
"""Numbers of the Resizes that Ascend's port switches, of 35."""


class SmallOCRNet(OCRNet):
    """The same at a smaller size."""

    shapes = ("x:1,3,128,256",)
    size = (128, 256)


@pytest.mark.parametrize(
    "options",
    [
        {"opset": "11", "batch": "dynamic"},
        {"opset": "13", "batch": "1"},
        {"opset": "16", "batch": "dynamic"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_the_whole_chain(tmp_path: Path, paddle_python: str, options: dict[str, str]) -> None:
    report = run_small(SmallOCRNet(), tmp_path, paddle_python, size="128x256", **options)

    exported = onnx.load(report.facts(Stage.EXPORT)["model"])
    assert exported.opset_import[0].version == int(options["opset"])
    resizes = [node.name for node in exported.graph.node if node.op_type == "Resize"]
    assert len(resizes) == 35
    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    fixed = onnx.load(applied["model"])
    nearest = [node.name.partition("/")[0] for node in fixed.graph.node if is_nearest(node)]
    assert nearest == [resizes[k] for k in SWITCHED], "numbers are those of the export"
    assert not {"error", "wrong", "slow"} & set(report.facts(Stage.AUDIT)["counts"])

    outputs = Path(report.facts(Stage.INFER)["outputs"])
    first, second = (np.load(path) for path in sorted(outputs.glob("*_0.npy")))
    assert first.shape == (1, 128, 256)
    assert (first != second).mean() > 0.1, "the output depends on the picture"
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert 0 <= figures["mIoU"] <= 1


def is_nearest(node: onnx.NodeProto) -> bool:
    return node.op_type == "Resize" and any(
        attribute.name == "mode" and attribute.s == b"nearest" for attribute in node.attribute
    )
