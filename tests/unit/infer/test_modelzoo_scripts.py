"""Post-processing that was written for ais_bench, in the ways in use, runs unchanged."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli_runner import Result
from tests.unit.infer.cases import f32, images, npy
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model

LABELS = {f"img_{k}": k % 3 for k in range(7)}


@pytest.fixture
def one_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of batch 4 and seven samples, each the one-hot form of its label."""
    monkeypatch.chdir(tmp_path)
    write_model("batch4", tmp_path)
    write_files(
        {f"bin/{stem}.bin": np.eye(3, dtype="f")[k].tobytes() for stem, k in LABELS.items()}
    )
    return tmp_path


def infer(*args: str) -> Result:
    result = run_ais_bench("--model", "m.onnx", "--input", "bin", "--output", "result", *args)
    assert result.code == 0, result.out
    return result


def top1(folder: str, suffix: str) -> float:
    """Accuracy by names alone: ``<stem>_0`` belongs to ``<stem>``."""
    hits = 0
    for stem, label in LABELS.items():
        path = os.path.join(folder, f"{stem}_0.{suffix}")
        if suffix == "bin":
            scores = np.fromfile(path, dtype=np.float32).reshape(1, 3)
        elif suffix == "npy":
            scores = np.load(path)
        else:
            with open(path) as file:
                scores = np.array([[float(x) for x in line.split()] for line in file])
        hits += int(scores.argmax(1)[0] == label)
    return hits / len(LABELS)


@pytest.mark.parametrize("suffix", ["bin", "npy", "txt"])
def test_results_are_found_by_name(suffix: str, one_hot: Path) -> None:
    infer("--output_dirname", "dumpout", "--outfmt", suffix.upper())
    assert top1("result/dumpout", suffix) == 1.0


def test_a_listing_of_the_folder_holds_outputs_alone(one_hot: Path) -> None:
    infer("--output_dirname", "dumpout")
    names = sorted(os.listdir("result/dumpout"))
    assert len(names) == 2 * len(LABELS)
    assert {name[: name.rindex("_")] for name in names} == set(LABELS)


def test_the_summary_leads_from_inputs_to_outputs(one_hot: Path) -> None:
    infer("--output_dirname", "dumpout")
    with open("result/dumpout_summary.json") as file:
        table = json.load(file)["filesinfo"]
    hits = 0
    for each in table.values():
        stem = os.path.basename(each["infiles"][0]).split(".")[0]
        scores = np.fromfile(each["outfiles"][0], dtype=np.float32)
        hits += int(scores.argmax() == LABELS[stem])
    assert hits == len(LABELS)


def test_the_newest_folder_is_found_without_a_name(one_hot: Path) -> None:
    infer()
    (folder,) = [each for each in os.scandir("result") if each.is_dir()]
    assert top1(folder.path, "bin") == 1.0


def test_the_old_summary_is_skipped_in_a_listing_and_cut_with_awk(one_hot: Path) -> None:
    infer("--output_dirname", "d", "--contract", "2022")
    stems = [name for name in os.listdir("result/d") if name != "sumary.json"]
    assert len(stems) == 2 * len(LABELS)
    script = "awk -F'\"throughput\": ' '{print $2}' result/d/sumary.json | awk -F'}' '{print $1}'"
    cut = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert float(cut) == json.loads(Path("result/d/sumary.json").read_text())["throughput"]


def test_the_throughput_is_the_last_word_of_its_line(one_hot: Path) -> None:
    log = infer("--output_dirname", "d", "--loop", "5").out
    (line,) = [each for each in log.splitlines() if "throughput" in each]
    with open("result/d_summary.json") as file:
        summary = json.load(file)
    assert float(line.split(" ")[-1]) == summary["throughput"]
    match = re.search(r"NPU_compute_time.mean\((\S+)\): ", line)
    assert match is not None
    assert float(match[1]) == summary["NPU_compute_time"]["mean"]
    assert len(summary["npu_compute_time_list"]) == 10


def test_a_shell_script_needs_another_module_name_alone(tmp_path: Path) -> None:
    write_model("batch1", tmp_path)
    for name, data in images(2).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    script = f"""
        set -e
        {sys.executable} -m graphfix.ais_bench --model m.om --input ./bin --output ./result \
            --output_dirname bs1 --outfmt TXT --batchsize 1 >log 2>err
        grep throughput log | awk '{{print $NF}}'
        cat result/bs1/img_1_0.txt
    """
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    number, row = done.stdout.splitlines()
    assert float(number) > 0
    assert row == "2.000000 2.000000 2.000000 "
    assert (tmp_path / "err").read_text() == ""


def test_two_inputs_of_a_language_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("two", tmp_path)
    for k in range(3):
        write_files(
            {
                f"ids/{k}.npy": npy(np.full((1, 2), k, np.float32)),
                f"mask/{k}.npy": npy(np.full((1, 1), 10, np.int32)),
            }
        )
    args = ("--input", "ids,mask", "--output", "r", "--output_dirname", "d")
    assert run_ais_bench("--model", "m.onnx", *args).code == 0
    assert [Path(f"r/d/{k}_0.bin").read_bytes() for k in range(3)] == [
        f32(10 + k, 10 + k) for k in range(3)
    ]
