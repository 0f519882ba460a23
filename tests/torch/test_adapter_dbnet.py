# torch is not installed where types are checked
# mypy: disable-error-code="import-not-found"
"""The DBNet adapters on small networks of their topology, exported by torch in several ways."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphfix.stages.export import script_of
from graphfix.stages.run import RunReport, Stage
from graphfix_adapters.dbnet import DBNet, DBNetDeformable
from tests.chain import run_small


class SmallDBNet(DBNet):
    """The same at a smaller size."""

    shapes = ("input:1,3,96,160",)
    picture_size = (90, 160)


class SmallDBNetDeformable(DBNetDeformable):
    """The same at a smaller size."""

    shapes = ("input:1,3,96,160",)
    picture_size = (90, 160)


@pytest.mark.parametrize(
    ("options", "rewrites"),
    [
        ({"upsample": "sizes", "opset": "10"}, 6),
        ({"upsample": "sizes", "opset": "17"}, 6),
        ({"upsample": "sizes", "exporter": "dynamo", "opset": "18"}, 6),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_the_whole_chain(tmp_path: Path, options: dict[str, str], rewrites: int) -> None:
    report = run_small(SmallDBNet(), tmp_path, **options)
    first, second = checked(report, [rewrites])
    assert abs(first - second).max() > 1e-2, "the output depends on the picture"


@pytest.mark.parametrize(("opset", "offsets"), [("11", "prefix"), ("17", "strided")])
def test_deformable_convolutions(tmp_path: Path, opset: str, offsets: str) -> None:
    adapter = SmallDBNetDeformable()
    options = {"opset": opset, "offsets": offsets, "size": "96x160"}
    outputs = checked(run_small(adapter, tmp_path, **options), [3, 0])
    network = network_of(adapter, offsets)
    for sample, output in zip(adapter.samples(tmp_path / "tiny"), outputs, strict=True):
        with torch.no_grad():
            expected = network(torch.from_numpy(sample.inputs["input"])).numpy()
        np.testing.assert_allclose(output, expected, atol=1e-4)
        assert output.std() > 1e-2


def checked(report: RunReport, rewrites: list[int]) -> list[np.ndarray]:
    """The outputs for both pictures, when every stage has done what it must."""
    applied = report.facts(Stage.APPLY)
    assert applied["verified"]["status"] == "passed"
    assert [each["rewrites"] for each in applied["passes"][: len(rewrites)]] == rewrites
    counts = report.facts(Stage.AUDIT)["counts"]
    assert not {"error", "wrong", "slow"} & set(counts)
    figures = {f["name"]: f["value"] for f in report.facts(Stage.EVALUATE)["figures"]}
    assert set(figures) == {"hmean", "precision", "recall"}
    folder = Path(report.facts(Stage.INFER)["outputs"])
    outputs = [np.load(folder / f"img_{k}_0.npy") for k in (1, 2)]
    assert [output.shape for output in outputs] == [(1, 1, 96, 160)] * 2
    return outputs


def network_of(adapter: DBNet, offsets: str) -> Any:
    """The network that the export script makes with random weights."""
    spec = importlib.util.spec_from_file_location("export_dbnet", script_of(adapter))
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    given = argparse.Namespace(
        seed=0, backbone="deformable", offsets=offsets, upsample="scales", width="small",
        upstream=None, random_weights=True,
    )  # fmt: skip
    return script.load(given)
