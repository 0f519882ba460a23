"""``graphfix evaluate``: figures, verdicts, exit codes."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from graphfix.metrics import METRICS
from tests.cli_runner import Result, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four samples, of which three are right."""
    (tmp_path / "out").mkdir()
    for number, best in enumerate((2, 0, 1, 1)):
        np.eye(3, dtype=np.float32)[best].tofile(tmp_path / "out" / f"img_{number}_0.bin")
    (tmp_path / "labels.txt").write_text("img_0.jpg 2\nimg_1.jpg 0\nimg_2.jpg 1\nimg_3.jpg 2\n")
    return tmp_path


def evaluate(folder: Path, *options: str, metric: str = "top-k{k=[1,2]}") -> Result:
    labels = folder / "labels.txt"
    return run("evaluate", folder / "out", "--metric", metric, "--labels", labels, *options)


def test_figures_in_a_table(folder: Path) -> None:
    result = evaluate(folder)

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "figure      value   unit\n"
        "────────────────────────\n"
        "top-1    0.750000   of 1\n"
        "top-2    0.750000   of 1\n"
        "\n"
        "4 samples\n"
    )


@pytest.mark.parametrize(
    ("options", "code", "last"),
    [
        (
            ("--reference", "0.8", "--allowed-drop", "0.05"),
            0,
            "top-1 0.75 passes: must be at least 0.75 (reference 0.8, allowed drop 0.05, absolute)",
        ),
        (
            ("--reference", "80%", "--figure", "top-2"),
            1,
            (
                "top-2 0.75 FAILS: must be at least 0.792 "
                "(reference 0.8, allowed drop 1 % of it, relative)"
            ),
        ),
    ],
)
def test_a_verdict_decides_the_exit_code(
    folder: Path, options: tuple[str, ...], code: int, last: str
) -> None:
    result = evaluate(folder, *options)

    assert result.code == code
    assert result.out.splitlines()[-1] == last


def test_json_has_everything(folder: Path) -> None:
    result = evaluate(folder, "--reference", "0.8", "--json")
    found = json.loads(result.out)

    assert result.code == 1
    assert set(found.pop("versions")) == {"graphfix", "numpy"}
    assert found == {
        "metric": "top-k{k=[1,2]}",
        "figures": [
            {"name": "top-1", "value": 0.75, "unit": "of 1"},
            {"name": "top-2", "value": 0.75, "unit": "of 1"},
        ],
        "samples": 4,
        "counted": "samples",
        "notes": [],
        "judgement": {
            "figure": "top-1",
            "reference": 0.8,
            "allowed_drop": 0.01,
            "relative": True,
            "bound": 0.792,
            "passed": False,
        },
    }


def test_a_missing_output_is_named(folder: Path) -> None:
    (folder / "out" / "img_3_0.bin").unlink()
    result = evaluate(folder)

    assert result.code == 2
    assert result.err == (
        f"error: {folder / 'labels.txt'}: 1 of 4 labels without an output, such as img_3.jpg; "
        "run the model on it, or remove the label\n"
    )


@pytest.mark.parametrize(
    ("options", "metric", "message"),
    [
        ((), "top", "error: there is no metric called 'top'; did you mean 'top-k'?\n  top\n  ^\n"),
        ((), "top-k,top-k", "error: give one metric at a time\n  top-k,top-k\n        ^\n"),
        (
            (),
            "top-k{n=1}",
            "error: top-k: there is no option 'n'; there are: k\n  top-k{n=1}\n        ^\n",
        ),
        (
            ("--figure", "top-1"),
            "top-k",
            "error: --allowed-drop and --figure belong to --reference; give it as well\n",
        ),
        (("--dtype", "float31"), "top-k", "error: dtype 'float31': write a type such as"),
        (("--shape", "1,x"), "top-k", "error: shape '1,x': write sizes with commas"),
        (("--output", "3"), "top-k", "out: no file of output 3; there are outputs 0\n"),
        (("--shape", "1,4"), "top-k", "img_0_0.bin: holds 3 numbers (float32), which do not fit"),
        (("--dtype", "float64"), "top-k", "img_0_0.bin: cannot be read: 12 bytes are no whole"),
        ((), "top-k", "error: sample img_0: k=5, but only 3 classes\n"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(
    folder: Path, options: tuple[str, ...], metric: str, message: str
) -> None:
    result = evaluate(folder, *options, metric=metric)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert message in result.err


def test_a_library_that_is_missing_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> None:
        package = name.partition(".")[0]
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("importlib.import_module", not_there)
    labels = folder / "labels.txt"
    result = run("evaluate", labels, "--metric", "wer", "--labels", labels)

    assert result.code == 2
    assert result.err == (
        "error: this needs rapidfuzz, which is not installed; run pip install 'graphfix[metrics]'\n"
    )


def test_options_of_arrays_are_refused_by_metrics_of_texts(folder: Path) -> None:
    result = evaluate(folder, "--shape", "3", metric="wer")

    assert result.code == 2
    assert result.err == (
        "error: --output, --dtype and --shape are for folders of arrays; wer reads a text file "
        "with lines NAME<tab>TEXT or NAME TEXT\n"
    )


def test_a_metric_without_its_required_option_says_so(folder: Path) -> None:
    result = evaluate(folder, metric="miou")

    assert result.code == 2
    assert result.err.startswith("error: miou: option 'classes' is required, e.g. miou{classes=")


def test_a_figure_that_is_nan_fails_and_is_text_in_json(folder: Path) -> None:
    for path in (folder / "out").iterdir():
        np.full(3, np.nan, np.float32).tofile(path)
    options = ("--labels", folder / "out", "--reference", "0.9", "--json")
    result = run("evaluate", folder / "out", "--metric", "cosine", *options)

    assert result.code == 1
    assert json.loads(result.out)["figures"][0] == {
        "name": "cosine",
        "value": "nan",
        "unit": "of 1",
    }


GUIDE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_guide_has_every_metric() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", GUIDE, re.MULTILINE) == list(METRICS)


def test_the_example_of_the_guide_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, in_python = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    first, second = re.findall(
        r"^```\n\$ graphfix (.*?)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "metrics.md", "exec"), {})
    exec(compile(in_python, "metrics.md", "exec"), {})
    for (command, shown), exit_code in ((first, 0), (second, 1)):
        result = run(*shlex.split(command))
        assert (result.out + result.err, result.code) == (shown, exit_code)


def test_the_commands_of_the_guide_fail_only_for_want_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = re.findall(r"^graphfix (evaluate .*)$", GUIDE, re.MULTILINE)
    monkeypatch.chdir(tmp_path)

    assert len(commands) == len(METRICS)
    for command, metric in zip(commands, METRICS, strict=True):
        assert f"--metric {metric}" in command.replace("'", "")
        result = run(*shlex.split(command))
        assert result.code == 2
        assert re.search(r"No such file|is no annotation|has no folder", result.err), result.err


def test_nothing_given_says_what_is_needed() -> None:
    result = run("evaluate")

    assert result.code == 2
    assert result.err == ("error: give OUTPUTS, --metric and --labels; --list shows the metrics\n")


def test_the_list_shows_every_metric_with_its_options() -> None:
    plain = run("evaluate", "--list")
    found = json.loads(run("evaluate", "--list", "--json").out)

    assert [entry["name"] for entry in found] == sorted(METRICS)
    for entry in found:
        assert entry["name"] in plain.out
        assert entry["summary"].endswith(".")
        for option in entry["options"]:
            assert option["help"].endswith("."), option
            assert f"{{{option['key']}={option['default']}}}" in plain.out
