"""Whatever the options and files, graphfix does what the stand-in does, which was written apart."""

import json
import shutil
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from tests.unit.infer.cases import npy
from tests.unit.infer.models import write_model
from tests.unit.infer.test_contract import run

DTYPES = {"x": np.float32, "a": np.float32, "b": np.int32}
INPUTS = {
    "batch4": {"x": (4, 3)},
    "batch1": {"x": (1, 3)},
    "two": {"a": (2, 2), "b": (2, 1)},
    "turned": {"x": (4, 3)},
    "scalar": {"x": (2, 3)},
    "dynamic": {"x": (1, 3)},
    "free": {"x": (2, 2)},
    "free2": {"a": (2, 2), "b": (2, 1)},
}
GEARS = {
    "dynamic": ("--dymBatch 2", "--dymShape x:2,3", "--auto_set_dymdims_mode 1"),
    "free": ("--dymShape x:2,2", "--dymDims x:1,2", "--auto_set_dymshape_mode 1"),
    "free2": ("--dymDims a:2,2;b:2,1", "--auto_set_dymshape_mode 1"),
}
OPTIONS = (
    "--outfmt NPY",
    "--outfmt TXT",
    "--loop 2",
    "--output_batchsize_axis 1",
    "--pipeline 1",
    "--batchsize 7",
    "--warmup_count 0",
    "--run_mode files",
    "--device 1,0",
    "--device 1,0 --divide_input 1",
)


@st.composite
def commands(draw: st.DrawFn) -> tuple[str, dict[str, bytes], list[str]]:
    """A model, files that mostly fit it, and a command line."""
    model = draw(st.sampled_from(sorted(INPUTS)))
    count = draw(st.integers(2, 6))
    whole, odd = draw(st.booleans()), draw(st.sampled_from((1, 1, 1, 1, 3)))
    stems = draw(st.lists(st.sampled_from(("img_", "s.", "B")), min_size=count, max_size=count))
    files: dict[str, bytes] = {}
    for number, (name, shape) in enumerate(INPUTS[model].items()):
        rows = odd * (shape[0] if whole else 1)
        suffix = draw(st.sampled_from(("npy", "bin")))
        for k, stem in enumerate(stems):
            data = np.full((rows, *shape[1:]), 10 * number + k, DTYPES[name])
            files[f"{name}/{stem}{k}.{suffix}"] = npy(data) if suffix == "npy" else data.tobytes()
    entries = list(INPUTS[model]) if draw(st.booleans()) else list(files)
    options = draw(st.lists(st.sampled_from(OPTIONS), max_size=2, unique=True))
    gears = GEARS.get(model, ()) if draw(st.integers(0, 5)) else ("--dymBatch 2",)
    options += [draw(st.sampled_from(gears))] if gears else []
    source = ["--input", ",".join(entries)] if draw(st.integers(0, 9)) else []
    return model, files, [*source, *" ".join(options).split()]


def results() -> dict[str, Any]:
    """Everything in ``out``: bytes of the results, and of summaries what does not change."""
    found: dict[str, Any] = {}
    for path in sorted(Path("out").rglob("*")):
        if path.name.endswith("_summary.json"):
            summary = json.loads(path.read_text())
            count = len(summary["npu_compute_time_list"])
            found[str(path)] = (list(summary), summary["filesinfo"], count)
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    shutil.rmtree("out", ignore_errors=True)
    return found


@hypothesis.settings(
    max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(commands())
def test_both_do_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, dict[str, bytes], list[str]],
) -> None:
    model, files, args = command
    monkeypatch.chdir(tmp_path)
    for name in ("x", "a", "b", "out"):
        shutil.rmtree(name, ignore_errors=True)
    write_model(model, tmp_path)
    for name, data in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
        Path(name).chmod(0o640)
    args = [*args, "--output", "out", "--output_dirname", "d"]
    codes, found = {}, {}
    for tool in ("stand-in", "graphfix"):
        codes[tool], out = run(tool, args)
        found[tool] = results()
        assert "Traceback" not in out
    assert codes["graphfix"] == codes["stand-in"]
    if codes["graphfix"] == 0:
        assert found["graphfix"] == found["stand-in"]
