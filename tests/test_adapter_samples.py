"""Real data that only an adapter understands: a folder of pictures."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.model import from_text, save
from tests.cli_runner import Result, run

PLUGIN = Path(__file__).parent / "plugin_files" / "pictures.py"
MODEL = """<ir_version: 8, opset_import: ["" : 16]>
main (float[1,3,H,W] x) => (float[1,3,H,W] y) { a = Relu (x) y = Neg (a) }
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(from_text(MODEL), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def pictures(folder: Path, count: int, size: tuple[int, int] = (12, 8)) -> Path:
    folder.mkdir()
    for k in range(count):
        numbers = np.random.default_rng(k).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(numbers).save(folder / f"{k:02}.png")
    return folder


def apply(model: Path, *more: object) -> Result:
    return run("apply", model, "--passes", "out-nodes{keep=[a]}", "--plugin", PLUGIN, *more)


def test_pictures_take_the_place_of_made_up_feeds(model: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "data", 10)
    result = apply(model, "--data", folder, "--adapter", "pictures", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report["settings"]["adapter"] == "pictures"
    feeds = report["final"]["feeds"]
    assert len(feeds) == 8, "a few are enough"
    assert feeds[0] == f"{folder} (adapter pictures, sample 00)"


def test_an_unknown_adapter_is_refused_with_the_known_ones(model: Path, tmp_path: Path) -> None:
    result = apply(model, "--data", tmp_path, "--adapter", "picture")
    assert result.code == 2
    assert result.err.endswith("called 'picture'; did you mean 'pictures'?\n")

    result = apply(model, "--data", tmp_path, "--adapter", "zzz")
    assert result.code == 2
    known = re.fullmatch(r"error: there is no adapter called 'zzz'; there are: (.*)\n", result.err)
    assert known is not None, result.err
    assert {"intrada", "pictures"} <= set(known[1].split(", "))


def test_an_adapter_needs_data(model: Path) -> None:
    result = apply(model, "--adapter", "pictures")
    assert result.code == 2
    assert "--adapter says how to read --data" in result.err


def test_an_empty_folder_and_a_broken_picture(model: Path, tmp_path: Path) -> None:
    empty = pictures(tmp_path / "none", 0)
    result = apply(model, "--data", empty, "--adapter", "pictures")
    assert (result.code, "adapter 'pictures' finds no sample in it" in result.err) == (2, True)
    (empty / "a.png").write_bytes(b"no picture")
    result = apply(model, "--data", empty, "--adapter", "pictures")
    assert result.code == 2
    assert "adapter 'pictures' cannot read" in result.err
    assert "Traceback" not in result.err


def test_samples_must_fit_the_inputs(tmp_path: Path) -> None:
    save(from_text(MODEL.replace("[1,3,H,W]", "[1,1,H,W]")), tmp_path / "m.onnx")
    result = apply(
        tmp_path / "m.onnx", "--data", pictures(tmp_path / "data", 1), "--adapter", "pictures"
    )
    assert result.code == 2
    assert "has shape [1,3,8,12], input 'x' takes [1,1," in result.err
