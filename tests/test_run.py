"""``graphfix run``: the chain from export to figures, what it keeps, and how it fails."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli_runner import Result
from tests.cli_runner import run as graphfix

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "tests" / "plugin_files"
STANDINS = ROOT / "tests" / "standins"


@pytest.fixture(autouse=True)
def no_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "ASCEND_OPP_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A copy, so that a test may change it."""
    for name in ("shapes_adapter.py", "export_shapes.py"):
        shutil.copy(PLUGINS / name, tmp_path)
    return tmp_path / "shapes_adapter.py"


def start(plugin: Path, *more: object, weights: str = "--random-weights") -> Result:
    folder = plugin.parent / "run"
    flags = [weights] if weights else []
    return graphfix("run", "shapes", "--plugin", plugin, "--folder", folder, *flags, *more)


def run(plugin: Path, *more: object, weights: str = "--random-weights") -> dict[str, Any]:
    done = start(plugin, "--json", *more, weights=weights)
    report: dict[str, Any] = json.loads(done.out)
    return report


def statuses(report: dict[str, Any]) -> dict[str, str]:
    return {stage["stage"]: stage["status"] for stage in report["stages"]}


def facts(report: dict[str, Any], stage: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s["facts"] for s in report["stages"] if s["stage"] == stage)
    return found


def test_a_model_goes_from_export_to_figures(plugin: Path) -> None:
    done = start(plugin)
    assert done.code == 0, done.out + done.err
    report = json.loads((plugin.parent / "run" / "report.json").read_text())
    assert statuses(report) == {
        "export": "done", "apply": "done", "audit": "done", "convert": "not run",
        "infer": "done", "evaluate": "done",
    }  # fmt: skip
    assert facts(report, "evaluate")["figures"][0]["value"] == 1.0
    assert facts(report, "evaluate")["judged"] == "not judged: the weights are random"
    assert facts(report, "apply")["verified"]["status"] == "passed"
    assert len(facts(report, "infer")["times_ms"]) == 12
    assert "atc is neither on the PATH" in done.out
    page = (plugin.parent / "run" / "report.html").read_text()
    assert "Time of each execution" in page
    assert "Error of each output" in page
    assert "top-1" in (plugin.parent / "run" / "report.md").read_text()


def test_what_was_done_is_not_done_again(plugin: Path) -> None:
    first, second = run(plugin), run(plugin)
    assert statuses(second) == {
        "export": "cached", "apply": "cached", "audit": "cached", "convert": "not run",
        "infer": "cached", "evaluate": "cached",
    }  # fmt: skip
    for stage in ("export", "apply", "audit", "infer", "evaluate"):
        assert facts(second, stage) == facts(first, stage)


def test_a_change_redoes_what_hangs_on_it(plugin: Path) -> None:
    run(plugin)
    other = run(plugin, "--export-option", "opset=14")
    assert statuses(other)["export"] == "done"
    assert statuses(other)["evaluate"] == "done"
    again = run(plugin, "--export-option", "opset=14", "--from", "infer")
    assert statuses(again)["apply"] == "cached"
    assert statuses(again)["infer"] == "done"
    labels = plugin.parent / "run" / "tiny" / "labels.txt"
    labels.write_text(labels.read_text().replace("p00 0", "p00 1"))
    wrong = run(plugin, "--export-option", "opset=14")
    assert statuses(wrong)["audit"] == "cached"
    assert facts(wrong, "evaluate")["figures"][0]["value"] == pytest.approx(11 / 12)


def test_a_file_that_was_touched_is_made_again(plugin: Path) -> None:
    run(plugin)
    (plugin.parent / "run" / "apply" / "model.fixed.onnx").write_bytes(b"")
    report = run(plugin)
    assert statuses(report)["export"] == "cached"
    assert statuses(report)["apply"] == "done"
    assert statuses(report)["evaluate"] == "done" or statuses(report)["evaluate"] == "cached"


@pytest.mark.parametrize("where", ["score", "samples"])
def test_an_interrupted_run_goes_on_and_gives_the_same(plugin: Path, where: str) -> None:
    text = plugin.read_text()
    head, body = text.split(f"    def {where}(")
    signature, rest = body.split('"""\n', 1)[0], body.split('"""\n', 1)[1]
    interrupted = f'{head}    def {where}({signature}"""\n        raise KeyboardInterrupt\n{rest}'
    plugin.write_text(interrupted)
    stopped = start(plugin)
    assert (stopped.code, stopped.err) == (130, "interrupted\n")
    plugin.write_text(text)
    resumed = run(plugin)
    assert statuses(resumed)["export"] == "cached"
    shutil.rmtree(plugin.parent / "run")
    fresh = run(plugin)
    assert facts(resumed, "evaluate") == facts(fresh, "evaluate")
    assert facts(resumed, "apply")["passes"] == facts(fresh, "apply")["passes"]


def test_stages_after_until_are_not_run_and_say_so(plugin: Path) -> None:
    report = run(plugin, "--until", "audit")
    assert statuses(report)["audit"] == "done"
    assert statuses(report)["infer"] == "not run"
    assert report["stages"][-1]["reason"] == "--until audit"


def test_an_export_that_fails_shows_its_last_lines(plugin: Path) -> None:
    script = plugin.with_name("export_shapes.py")
    script.write_text("print('no such layer: conv9')\nraise SystemExit(4)\n")
    done = start(plugin)
    assert done.code == 3
    assert "no such layer: conv9" in done.out
    assert "status 4" in done.out
    assert not (plugin.parent / "run" / "export" / "model.onnx").exists()


def test_a_missing_framework_is_named_with_its_remedy(plugin: Path) -> None:
    plugin.write_text(plugin.read_text().replace('("onnx", "numpy")', '("onnx", "nowhere_lib")'))
    done = start(plugin)
    assert done.code == 3
    assert "nowhere_lib" in done.out
    assert "pip install onnx numpy" in done.out


def test_another_interpreter_can_export(plugin: Path) -> None:
    assert start(plugin, "--python", sys.executable, "--until", "export").code == 0
    done = start(plugin, "--python", plugin.parent / "no-python", "--until", "export")
    assert done.code == 3
    assert "no-python" in done.out


def test_a_model_can_be_given(plugin: Path) -> None:
    run(plugin, "--until", "export")
    model = plugin.parent / "mine.onnx"
    shutil.copy(plugin.parent / "run" / "export" / "model.onnx", model)
    report = run(plugin, "--model", model, "--from", "export", weights="")
    assert facts(report, "export") == {"model": str(model), "given": True}
    assert statuses(report)["evaluate"] == "done"


def test_figures_of_the_real_dataset_are_judged(plugin: Path) -> None:
    run(plugin)
    data = plugin.parent / "data"
    shutil.copytree(plugin.parent / "run" / "tiny", data)
    model = plugin.parent / "run" / "export" / "model.onnx"
    good = start(plugin, "--model", model, "--dataset", data, weights="")
    assert good.code == 0, good.out
    assert "passes" in good.out
    labels = data / "labels.txt"
    labels.write_text(labels.read_text().replace("p00 0", "p00 1"))
    bad = start(plugin, "--model", model, "--dataset", data, weights="")
    assert bad.code == 1
    assert "FAILS" in bad.out


def test_a_model_that_does_not_fit_is_not_converted_but_runs(plugin: Path) -> None:
    plugin.write_text(plugin.read_text().replace('pipeline = "auto"', 'pipeline = "prune"'))
    done = start(plugin)
    report = json.loads((plugin.parent / "run" / "report.json").read_text())
    assert done.code == 1
    assert statuses(report)["audit"] == "failed"
    assert "GF330" in report["stages"][2]["reason"]
    assert report["stages"][3]["reason"] == "it needs what audit makes"
    assert statuses(report)["evaluate"] == "done"


def test_with_atc_and_ais_bench_the_om_runs(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are stand-ins; the .om of the one is run by the other."""
    programs = plugin.parent / "programs"
    programs.mkdir()
    for name in ("atc", "ais_bench"):
        (programs / name).symlink_to(STANDINS / name)
    interpreter = Path(sys.executable).parent
    paths = (programs, interpreter, os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, paths)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    on_cpu = run(plugin, "--backend", "onnxruntime")
    report = run(plugin)
    assert statuses(report)["convert"] in {"done", "cached"}, report["stages"][3]
    assert report["ok"], [(each["stage"], each["reason"]) for each in report["stages"]]
    assert facts(report, "infer")["backend"] == "ascend"
    assert facts(report, "infer")["model"].endswith(".om")
    assert facts(report, "evaluate")["figures"] == facts(on_cpu, "evaluate")["figures"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--until", "deploy"], "--until 'deploy'"),
        (["--backend", "gpu"], "--backend 'gpu'"),
        (["--export-option", "opset"], "name=value"),
        (["--target", "ascend1"], "ascend1"),
    ],
)
def test_wrong_usage_is_said_before_anything_runs(
    plugin: Path, flags: list[str], words: str
) -> None:
    done = start(plugin, *flags)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--export-option", "depth=3"], "has no such option"),
        (["--export-option", "opset=new"], "says: argument --opset: invalid int value: 'new'"),
        (["--checkpoint", "nowhere.pth"], "either --checkpoint FILE or --random-weights"),
    ],
)
def test_wrong_usage_of_the_export_leaves_nothing(
    plugin: Path, flags: list[str], words: str
) -> None:
    done = start(plugin, *flags)
    assert done.code == 2
    assert words in done.err
    assert not (plugin.parent / "run").exists()


def test_data_that_are_not_there(plugin: Path) -> None:
    done = start(plugin, "--dataset", plugin.parent / "none")
    assert done.code == 2
    assert "there is no such file or folder" in done.out


def test_adapters_are_listed_and_explained(plugin: Path) -> None:
    assert "Tells squares from stripes" in graphfix("adapters", "--plugin", plugin).out
    done = graphfix("explain", "shapes", "--plugin", plugin)
    assert "x: float32[N,1,8,8] from 0 to 1" in done.out
    entry = json.loads(graphfix("explain", "shapes", "--plugin", plugin, "--json").out)
    assert entry["export_options"] == {"opset": "13"}
