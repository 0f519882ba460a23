"""Profiles say what the tables say, and no more."""

import csv
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from graphfix.errors import UsageError
from graphfix.rewrite import Target
from graphfix.target import CANN_RELEASES, SOCS, Evidence, load_profile

ROOT = Path(__file__).resolve().parents[3]
TABLES = ROOT / "tools" / "target_tables"
OPSETS = range(8, 22)
COLUMN = {"8.5": "8.5", "9.0": "9.0", "9.1": "9.1", "development": "development"}


def numbers(cell: str) -> set[int]:
    """The opsets of a cell, read apart from the code under test."""
    if cell == "any":
        return set(OPSETS)
    found: set[int] = set()
    for part in cell.split():
        ends = [int(end) for end in part.split("-") if end]
        found |= set(range(ends[0], ends[-1] + 1))
    return found


def test_the_data_files_are_what_the_tables_say() -> None:
    command = [sys.executable, str(ROOT / "tools" / "build_target_data.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_standard_operator_at_every_opset_and_release() -> None:
    with (TABLES / "operators.csv").open(newline="") as file:
        rows = {r["operator"]: r for r in csv.DictReader(file) if r["domain"] == "ai.onnx"}
    standard = {s.name for s in onnx.defs.get_all_schemas() if not s.domain}
    known = {name for name, row in rows.items() if row["standard"] == "yes"}
    assert len(known) == 203
    assert known <= standard
    counted = {True: 0, False: 0, None: 0}
    for cann in CANN_RELEASES:
        profile = load_profile("Ascend310P3", cann)
        for name in sorted(known):
            row = rows[name]
            for opset in OPSETS:
                found = profile.support(name, opset)
                counted[found.verdict] += 1
                where = (name, opset, cann, found)
                if row["development"] == "none":
                    assert found.verdict is False, where
                elif cann in ("5.1", "6.0"):
                    assert found.verdict is (opset in numbers(row["2022-06"])), where
                elif row.get(cann):
                    assert found.verdict is (opset in numbers(row[cann])), where
                    assert found.evidence is Evidence.SOURCE, where
                else:
                    assert found.verdict is not False, where
                    assert found.evidence is not Evidence.SOURCE, where
                    if found.verdict:
                        assert row["2022-06"], where
                        assert opset in numbers(row["development"]), where
    assert sum(counted.values()) == 203 * len(OPSETS) * len(CANN_RELEASES)
    assert all(counted.values()), counted


@pytest.mark.parametrize(
    ("name", "opset", "cann", "verdict", "evidence"),
    [
        ("GridSample", 16, "8.5", True, Evidence.SOURCE),
        ("GridSample", 16, "6.0", False, Evidence.INFERENCE),
        ("GridSample", 16, "7.0", None, Evidence.UNKNOWN),
        ("GridSample", 20, "9.1", False, Evidence.SOURCE),
        ("Conv", 13, "8.5", True, Evidence.INFERENCE),
        ("Conv", 19, "8.5", None, Evidence.UNKNOWN),
        ("Abs", 13, "7.0", True, Evidence.INFERENCE),
        ("Loop", 13, "development", False, Evidence.SOURCE),
        ("Constant", 21, "5.1", True, Evidence.SOURCE),
        ("NoSuchThing", 13, "8.5", False, Evidence.SOURCE),
    ],
)
def test_some_facts(
    name: str, opset: int, cann: str, verdict: bool | None, evidence: Evidence
) -> None:
    found = load_profile("Ascend310P3", cann).support(name, opset)
    assert (found.verdict, found.evidence) == (verdict, evidence), found.citation


def test_a_profile_answers_a_pass() -> None:
    target: Target = load_profile("ascend310p3", "8.5")
    assert target.name == "Ascend310P3, CANN 8.5"
    assert target.accepts("Softmax", 13) is True


def test_kernels_are_those_of_the_chip() -> None:
    kernels = {k.ge_operator: k for k in load_profile("Ascend310P3", "8.5").kernels("Resize")}
    assert kernels["ResizeBilinearV2"].ai_core is True
    assert kernels["ResizeBilinearV2"].ai_core_types == ("float", "float16")
    assert kernels["Shape"].ai_core is False
    assert load_profile("Ascend950", "9.1").kernels("Resize")[0].ai_core is None
    assert load_profile("Ascend310P3", "8.5").kernels("NoSuchThing") == ()


def test_only_the_development_branch_takes_several_imports() -> None:
    takers = [cann for cann in CANN_RELEASES if load_profile("Ascend310", cann).several_imports]
    assert takers == ["development"]


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UsageError, match=r"--target 'ascend3' is no SoC .*Ascend310P3"):
        load_profile("ascend3", "8.5")
    with pytest.raises(UsageError, match=r"--cann '8' is not one of 5\.1, 6\.0"):
        load_profile("ascend310", "8")
    assert len({soc.name.lower() for soc in SOCS}) == len(SOCS)


def test_a_target_file_adds_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("operators:\n  MyOp: 8-18\n  npu::Other: 1\n  GridSample: 11 16-20\n")
    profile = load_profile("Ascend310P3", "8.5", [path])
    assert profile.support("MyOp", 13).verdict is True
    assert profile.support("MyOp", 19).verdict is False
    assert profile.support("Other", 1, "npu").evidence is Evidence.USER
    assert profile.support("GridSample", 20).verdict is True
    assert profile.support("GridSample", 20).citation == str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("operators: [a]", "'operators' must map operators to opsets"),
        ("more: {}", "must be a mapping with the one key 'operators'"),
        ("operators: {A: eight}", "A: opsets are written as '8-18' or '11 16', not 'eight'"),
        ("operators: {A: 8-}", "not '8-'"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_target_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"--target-file .*own\.yaml: ") as caught:
        load_profile("Ascend310P3", "8.5", [path])
    assert message in str(caught.value)


def test_a_missing_target_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile("Ascend310P3", "8.5", [tmp_path / "none.yaml"])
