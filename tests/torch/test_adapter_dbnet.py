"""The DBNet adapter on small networks of its topology, exported by torch in several ways."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphfix.plugins import load_registry
from graphfix.stages.run import RunReport, RunRequest, Stage, Status, run
from graphfix_adapters.dbnet import DBNet
from tests.quiet import Quiet


class SmallDBNet(DBNet):
    """The same at a smaller size."""

    shapes = ("input:1,3,96,160",)
    picture_size = (90, 160)


def chain(folder: Path, **options: str) -> RunReport:
    request = RunRequest(
        SmallDBNet(),
        folder,
        random_weights=True,
        python=sys.executable,
        options={"width": "small", **options},
    )
    return run(request, load_registry(), Quiet())


@pytest.mark.parametrize(
    ("options", "rewrites"),
    [
        ({"upsample": "sizes", "opset": "10"}, 6),
        ({"opset": "17"}, 0),
        ({"upsample": "sizes", "exporter": "dynamo", "opset": "18"}, 6),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_the_whole_chain(tmp_path: Path, options: dict[str, str], rewrites: int) -> None:
    report = chain(tmp_path, **options)
    found: dict[Stage, Any] = {result.stage: result for result in report.stages}
    assert report.exit_code == 0, [(s.stage, s.reason) for s in report.stages]
    assert found[Stage.CONVERT].status is Status.NOT_RUN
    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    assert applied["passes"][0]["rewrites"] == rewrites
    counts = report.facts(Stage.AUDIT)["counts"]
    assert not {"error", "wrong", "slow"} & set(counts)
    outputs = Path(report.facts(Stage.INFER)["outputs"])
    first, second = (np.load(outputs / f"img_{k}_0.npy") for k in (1, 2))
    assert first.shape == (1, 1, 96, 160)
    assert abs(first - second).max() > 1e-2, "the output depends on the picture"
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert set(figures) == {"hmean", "precision", "recall"}
