"""msame's command line, after ``--msame``."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli_runner import Result
from tests.unit.infer.cases import A, B, f32, npy, row
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("batch1", tmp_path)
    write_files(
        {"x.bin": f32(0.5, 1234567, -1e-7), "in/b.bin": f32(1, 1, 1), "in/a.bin": bytes(12)}
    )


def msame(*args: str) -> Result:
    return run_ais_bench("--msame", "--model", "m.om", *args)


def written() -> dict[str, bytes]:
    """The results, in the one folder of the run, whose name has no leading zeros."""
    folders = [path for path in Path("out").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert re.fullmatch(r"\d{6,8}_\d{1,2}_\d{1,2}_\d{1,2}_\d{1,6}", folders[0].name)
    return {path.name: path.read_bytes() for path in folders[0].iterdir()}


def test_outputs_of_a_file_are_named_after_the_model() -> None:
    result = msame("--input", "x.bin", "--output", "out")
    assert result.code == 0
    assert written() == {"m_output_0.bin": f32(1.5, 1234568, 1 - 1e-7)}
    assert re.search(r"^Inference time: \S+ms$", result.out, re.MULTILINE)
    assert re.search(r"^Inference average time: \d+\.\d{6} ms$", result.out, re.MULTILINE)
    assert re.search(r"^\[INFO\] pid: \d+ Execute sample success$", result.out, re.MULTILINE)


def test_text_has_six_digits() -> None:
    assert msame("--input=x.bin", "--output=out", "--outfmt=TXT").code == 0
    assert written() == {"m_output_0.txt": b"1.5 1.23457e+06 1 \n"}


def test_text_of_integers_has_all_digits() -> None:
    write_model("integers", Path())
    Path("x.bin").write_bytes(np.array([0, 12345678, -3]).tobytes())
    assert msame("--input", "x.bin", "--output", "out", "--outfmt", "TXT").code == 0
    assert written() == {"m_output_0.txt": b"1 12345679 -2 \n"}


def test_outputs_of_a_folder_are_named_after_its_files() -> None:
    result = msame("--input", "in", "--output", "out", "--loop", "7")
    assert result.code == 0
    assert written() == {"a_output_0.bin": f32(1, 1, 1), "b_output_0.bin": f32(2, 2, 2)}
    assert result.out.count("Inference time: ") == 2, "--loop is ignored"
    assert re.search(r"^Inference average time : \d+\.\d\d ms$", result.out, re.MULTILINE)
    assert re.search(r"^Inference average time without first time: \S+ ms$", result.out, re.M)


def test_files_of_several_folders_go_by_the_names_of_the_first() -> None:
    write_model("two", Path())
    whole = {"a/1.bin": A["a0.bin"] + A["a1.bin"], "b/1.bin": B["b0.bin"] + B["b1.bin"]}
    write_files({**whole, "b/0.bin": b""})
    assert msame("--input", "a,b", "--output", "out").code == 0
    assert written() == {"1_output_0.bin": f32(11, 12, 23, 24)}
    Path("b/1.bin").unlink()
    result = msame("--input", "a,b")
    assert result.code == 1
    assert "[ERROR] b/1.bin: cannot be read: No such file or directory" in result.out


def test_without_input_zeros_are_run() -> None:
    result = msame("--loop", "3")
    assert result.code == 0
    assert result.out.count("Inference time: ") == 3
    assert "Inference average time without first time: " in result.out
    assert not Path("out").exists()


def test_dynamic_batch() -> None:
    write_model("dynamic", Path())
    Path("x.bin").write_bytes(f32(*range(6)))
    assert msame("--input", "x.bin", "--output", "out", "--dymBatch", "2").code == 0
    assert written() == {"m_output_0.bin": f32(*range(1, 7))}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("--loop", "101"), 0, "argument --loop: 101 is not in 1 to 100; "),
        (("--outfmt", "NPY"), 0, "argument --outfmt: invalid choice: 'NPY'"),
        (("--nonsense",), 0, "unrecognized arguments: --nonsense; "),
        (("--input", "in/a.bin,x.bin"), 1, "--input names 2 files or folders; the model has 1"),
        (("--input", "y.npy"), 1, "y.npy: msame reads .bin files only"),
        (("--input", "short.bin"), 1, "short.bin: ndata size:4 not match 12"),
    ],
)
def test_status_0_for_bad_arguments_and_1_for_failure(
    args: tuple[str, ...], code: int, message: str
) -> None:
    write_files({"y.npy": npy(row(1)), "short.bin": bytes(4)})
    result = msame(*args)
    assert result.code == code
    assert result.out.splitlines()[-1].startswith(f"[ERROR] {message}")


def test_help() -> None:
    result = run_ais_bench("--msame", "--help")
    assert result.code == 0
    assert "--dymBatch" in result.out
