"""The IntraDA adapter on small networks of its topology, exported by torch in several ways."""

from pathlib import Path

import numpy as np
import pytest

from graphfix.stages.run import Stage
from graphfix_adapters.intrada import IntraDA
from tests.chain import run_small


class SmallIntraDA(IntraDA):
    """The same at a smaller size."""

    shapes = ("image:1,3,64,128",)
    size = (64, 128)
    label_size = (128, 256)


@pytest.mark.parametrize(
    "options",
    [
        {"opset": "11"},
        {"opset": "17"},
        {"exporter": "dynamo", "opset": "20"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_the_whole_chain(tmp_path: Path, options: dict[str, str]) -> None:
    report = run_small(SmallIntraDA(), tmp_path, size="64x128", **options)
    assert report.facts(Stage.APPLY)["verified"]["status"] == "passed"
    counts = report.facts(Stage.AUDIT)["counts"]
    assert not {"error", "wrong", "slow"} & set(counts)
    outputs = Path(report.facts(Stage.INFER)["outputs"])
    scores = np.load(next(outputs.glob("*_1.npy")))
    assert scores.shape == (1, 19, 9, 17)
    assert scores.std() > 1e-3, "the output depends on the picture"
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert 0 <= figures["mIoU"] <= 1
