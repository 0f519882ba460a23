"""The pair of files that fails again, and where a failure is located."""

import shlex
from pathlib import Path

import numpy as np

from graphfix.model import from_text, load
from graphfix.verify import FeedSet, Status, load_data, model_inputs, save_reproducer
from tests.unit.verify.drive import drive, model

NAMES = '<ir_version: 8, opset_import: ["" : 17]> main (float[2,3] file, float[2,3] "a/b:0") => '
NAMES += '(float[2,3] y) { y = Add (file, "a/b:0") }'


def test_files_and_command(tmp_path: Path) -> None:
    before = from_text(NAMES)
    feed = {"file": np.ones((2, 3), np.float32), "a/b:0": np.zeros((2, 3), np.float32)}
    folder = tmp_path / "out put"
    command = save_reproducer(
        folder, "gridsample", before, FeedSet("normal", feed), "gridsample{mode=decompose}"
    )

    assert shlex.split(command) == [
        "graphfix", "apply", str(folder / "gridsample.onnx"),
        "--passes", "gridsample{mode=decompose}", "--data", str(folder / "gridsample.npz"),
    ]  # fmt: skip
    again = load(folder / "gridsample.onnx")
    (found,) = load_data(folder / "gridsample.npz", model_inputs(again))
    assert {name: array.tolist() for name, array in found.feed.items()} == {
        name: array.tolist() for name, array in feed.items()
    }


def test_without_feeds_there_is_no_data_option(tmp_path: Path) -> None:
    command = save_reproducer(tmp_path, "p", from_text(NAMES), None, "p")

    assert "--data" not in command
    assert not (tmp_path / "p.npz").exists()


def test_the_saved_feeds_fail_again(tmp_path: Path) -> None:
    before, wrong = model("y = Relu (x)"), model("y = Abs (x)")
    first = drive(before, wrong)
    save_reproducer(tmp_path, "p", from_text(before), first.failing[0], "p")
    again = drive(before, wrong, data=tmp_path / "p.npz")

    assert again.first.status is Status.FAILED
    assert len(again.first.feeds) == 1
    numbers = first.first.reason.split(", allowed")[0]
    assert again.first.reason.startswith(numbers)


def test_location_passes_by_names_that_were_lent_to_other_values() -> None:
    before = model("a = Relu (x)\n b = Neg (a)\n [c] c = Abs (b)\n y = Sqrt (c)")
    lent = "k = Constant <value = float {2}> ()\n a = Add (x, x)\n h = Div (a, k)\n r = Relu (h)\n"
    wrong = model(lent + "b = Neg (r)\n c = Neg (r)\n y = Sqrt (c)")
    found = drive(before, wrong).first

    assert found.first_diverging.startswith("output 'c': ")
    assert found.first_diverging.endswith("(made by Abs 'c')")


def test_no_location_without_common_values() -> None:
    found = drive(model("y = Relu (x)"), model("y = Flatten (x)")).first

    assert found.first_diverging.startswith("output 'y': max |diff| ")
