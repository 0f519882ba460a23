"""Where the contract loses or misreads data without a word, graphfix says so on stderr."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.unit.infer.cases import f32, images, npy, row
from tests.unit.infer.drive import run_ais_bench, write_files
from tests.unit.infer.models import write_model

SAVED = "--output out --output_dirname d"

DOUBTS: dict[str, tuple[str, str, Mapping[str, bytes], str]] = {
    "outputs of one name": (
        "batch1",
        f"--input bin {SAVED}",
        {f"bin/{name}.bin": f32(1, 1, 1) for name in ("s.0", "s.1", "t.0", "t.1", "u")},
        (
            "4 files share 2 output name(s), so that the last one stays: 2 write s_0 (a name "
            "counts up to its first dot); rename them"
        ),
    ),
    "samples of one name in two folders": (
        "batch1",
        f"--input a/x.bin,b/x.bin {SAVED}",
        {"a/x.bin": f32(1, 1, 1), "b/x.bin": f32(2, 2, 2)},
        (
            "2 files share 1 output name(s), so that the last one stays: 2 write x_0 (a name "
            "counts up to its first dot); rename them"
        ),
    ),
    "int32 read as float": (
        "batch1",
        f"--input bin {SAVED}",
        {"bin/x.npy": npy(np.array([[1, 2, 3]], np.int32))},
        (
            "bin/x.npy holds int32 (<i4), input 'x' takes float32: the bytes are taken as they "
            "are, not converted; save it with .astype(np.float32)"
        ),
    ),
    "the bytes of a number in another order": (
        "batch1",
        f"--input bin {SAVED}",
        {"bin/x.npy": npy(row(1).astype(">f4"))},
        (
            "bin/x.npy holds float32 (>f4), input 'x' takes float32: the bytes are taken as they "
            "are, not converted; save it with .astype(np.float32)"
        ),
    ),
    "Fortran's order": (
        "batch4",
        f"--input bin {SAVED}",
        {"bin/x.npy": npy(np.asfortranarray(np.ones((4, 3), np.float32)))},
        (
            "bin/x.npy is in Fortran's order; here it is read by its values, but ais_bench takes "
            "the bytes in their order: save it with np.ascontiguousarray"
        ),
    ),
    "bytes that look like integers": (
        "batch1",
        f"--input bin {SAVED}",
        {"bin/x.bin": np.array([101, 2023, 102], np.int32).tobytes()},
        (
            "bin/x.bin: input 'x' takes float32, but every number in it is below 1.2e-38: these "
            "look like integers; convert them before they are saved"
        ),
    ),
    "more files for the second input": (
        "two",
        f"--input a,b {SAVED}",
        {"a/0.bin": f32(1, 2, 3, 4), "b/0.bin": bytes(8), "b/1.bin": bytes(8)},
        "1 of 3 files are left out: there are 1 for the first of 2 inputs",
    ),
    "pairs whose numbers differ": (
        "two",
        f"--input a,b {SAVED}",
        {"a/x_1.bin": f32(1, 2, 3, 4), "b/mask_2.bin": bytes(8)},
        "a/x_1.bin is run together with b/mask_2.bin: files are paired by their position, not name",
    ),
    "other files in the folder": (
        "batch1",
        f"--input bin {SAVED}",
        {**images(1), "bin/a.png": b"", "bin/b.png": b""},
        "bin: 2 name(s) such as a.png are left out; samples end in .bin or .npy",
    ),
    "nothing is saved": (
        "batch1",
        "--input bin",
        images(1),
        "nothing is saved; name a folder with --output",
    ),
    "an output larger than its room": (
        "dynamic",
        f"--input bin --dymShape x:1,3 --outputSize 8 {SAVED}",
        images(1),
        "output 0 has 12 bytes; --outputSize leaves 8, and the run would fail on an NPU",
    ),
    "an option of the NPU": (
        "batch1",
        f"--dump 1 {SAVED}",
        {},
        "--dump means nothing without an NPU and is left out",
    ),
    "shapes that overwrite each other": (
        "dynamic",
        f"--dymShape_range x:1~2,3 {SAVED}",
        {},
        "every shape writes to the same --output_dirname; the last one stays",
    ),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_a_doubt_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, args, files, warning = DOUBTS[name]
    monkeypatch.chdir(tmp_path)
    write_model(model, tmp_path)
    write_files(files)
    result = run_ais_bench("--model", "m.onnx", *args.split())
    assert result.code == 0, result.out
    assert result.err == f"warning: {warning}\n"


def test_usual_data_raise_no_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("free2", tmp_path)
    write_files({"ids/ids_10.npy": npy(np.zeros((1, 2), np.float32)), "ids/ids_9.npy": npy(row(1))})
    write_files({f"mask/mask_{k}.npy": npy(np.zeros((1, 1), np.int32)) for k in (9, 10)})
    write_files({"ids/ids_9.npy": npy(np.full((1, 2), 1e-30, np.float32))})
    args = f"--input ids,mask --auto_set_dymshape_mode 1 {SAVED}"
    result = run_ais_bench("--model", "m.onnx", *args.split())
    assert (result.code, result.err) == (0, "")
