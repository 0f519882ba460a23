"""What ais_bench does, case by case: the command line, what it writes, what it says, its status."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SAVED = "--output out --output_dirname d"


@dataclass(frozen=True)
class Case:
    name: str
    model: str
    args: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    code: int = 0
    wrote: Mapping[str, bytes | None] = field(default_factory=dict)
    """Every file in ``out`` but summaries, with its content where that matters."""
    says: tuple[str, ...] = ()
    """Patterns that lines on stdout match."""
    silent: tuple[str, ...] = ()
    """Patterns that no line matches."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """What stands in the summary; ``runs`` is the count of times."""
    summaries: tuple[str, ...] | None = None
    """The summaries there are; by default ``d_summary.json`` where anything is written."""
    ours: bool = False
    """What only graphfix does, or the stand-in leaves out."""


def f32(*numbers: float) -> bytes:
    return np.array(numbers, np.float32).tobytes()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def row(number: float) -> np.ndarray[Any, Any]:
    return np.full((1, 3), number, np.float32)


def images(count: int) -> dict[str, bytes]:
    return {f"bin/img_{k}.bin": f32(k, k, k) for k in range(count)}


def plus_one(count: int, folder: str = "out/d") -> dict[str, bytes | None]:
    """What model ``batch1`` writes for ``images``."""
    return {f"{folder}/img_{k}_0.bin": f32(k + 1, k + 1, k + 1) for k in range(count)}


def both_outputs(count: int) -> dict[str, bytes | None]:
    """What model ``batch4`` writes for ``images``."""
    sums = {f"out/d/img_{k}_1.bin": f32(3 * k) for k in range(count)}
    return {**plus_one(count), **sums}


def infiles(*names: str) -> dict[str, Any]:
    """The first files of the samples, in order."""
    return {"first_files": list(names)}


A = {"a0.bin": f32(1, 2), "a1.bin": f32(3, 4)}
B = {f"b{k}.bin": np.array([10 * (k + 1)], np.int32).tobytes() for k in range(3)}
PAIRS: dict[str, bytes | None] = {"out/d/a0_0.bin": f32(11, 12), "out/d/a1_0.bin": f32(23, 24)}
RUN_1 = "--input bin " + SAVED

CASES = (
    # Which files are taken, and in which order.
    Case("a full group", "batch4", RUN_1, images(4), wrote=both_outputs(4), summary={"runs": 1}),
    Case(
        "the last group is filled up",
        "batch4",
        RUN_1,
        images(5),
        wrote=both_outputs(5),
        says=(r"get filesperbatch files0 size:12 tensor0size:48 filesperbatch:4 runcount:2$",),
        summary={"runs": 2, **infiles(*(f"bin/img_{k}.bin" for k in range(5)))},
    ),
    Case(
        "a group is filled up with its first file",
        "centred",
        RUN_1,
        {f"bin/x{k}.bin": f32(k) for k in (1, 3, 5, 7, 4, 8)},
        wrote={
            **{f"out/d/x{k}_0.bin": f32(k - (1 + 3 + 4 + 5) / 4) for k in (1, 3, 4, 5)},
            **{f"out/d/x{k}_0.bin": f32(k - (7 + 8 + 7 + 7) / 4) for k in (7, 8)},
        },
    ),
    Case("a group that is not full at all", "batch4", RUN_1, images(1), wrote=both_outputs(1)),
    Case(
        "numbers are sorted by value",
        "batch1",
        RUN_1,
        images(11),
        wrote=plus_one(11),
        summary=infiles(*(f"bin/img_{k}.bin" for k in range(11))),
    ),
    Case(
        "letters are sorted in any case",
        "batch1",
        RUN_1,
        {"bin/B_1.bin": f32(1, 1, 1), "bin/a_2.bin": f32(2, 2, 2), "bin/C_0.bin": f32(0, 0, 0)},
        wrote=dict.fromkeys(("out/d/B_1_0.bin", "out/d/a_2_0.bin", "out/d/C_0_0.bin")),
        summary=infiles("bin/a_2.bin", "bin/B_1.bin", "bin/C_0.bin"),
    ),
    Case(
        "a list of files keeps its order",
        "batch1",
        f"--input bin/img_2.bin,bin/img_0.bin {SAVED}",
        images(3),
        wrote={"out/d/img_2_0.bin": f32(3, 3, 3), "out/d/img_0_0.bin": f32(1, 1, 1)},
        summary=infiles("bin/img_2.bin", "bin/img_0.bin"),
    ),
    Case(
        "a list holds first all files of the first input",
        "two",
        f"--input a0.bin,a1.bin,b0.bin,b1.bin {SAVED}",
        {**A, **B},
        wrote=PAIRS,
        summary={
            "filesinfo": {
                "0": {"infiles": ["a0.bin", "b0.bin"], "outfiles": ["out/d/a0_0.bin"]},
                "1": {"infiles": ["a1.bin", "b1.bin"], "outfiles": ["out/d/a1_0.bin"]},
            }
        },
    ),
    Case(
        "a list that does not divide among the inputs",
        "two",
        f"--input a0.bin,a1.bin,b0.bin,b1.bin,b2.bin {SAVED}",
        {**A, **B},
        code=1,
    ),
    Case(
        "a folder for each input",
        "two",
        f"--input a,b {SAVED}",
        {f"{name[0]}/{name}": data for name, data in {**A, **B}.items() if name != "b2.bin"},
        wrote=PAIRS,
        summary={"runs": 1},
    ),
    Case(
        "one folder for two inputs",
        "two",
        f"--input a {SAVED}",
        {f"a/{name}": data for name, data in A.items()},
        code=1,
        says=(r"\[ERROR\] Invalid args. args input dir num:1 not equal to model inputs num:2",),
    ),
    Case("one file for two inputs", "two", f"--input a0.bin {SAVED}", A, code=1),
    Case("an empty folder", "batch1", RUN_1, {"bin/sub/x.bin": f32(1, 1, 1)}, code=1),
    Case("a folder without samples", "batch1", RUN_1, {"bin/x.txt": b"1 1 1"}, code=1),
    Case(
        "suffixes in capitals, and others",
        "batch1",
        RUN_1,
        {
            "bin/x0.BIN": f32(1, 1, 1),
            "bin/x1.NPY": npy(row(2)),
            "bin/x2.Bin": b"",
            "bin/x3.txt": b"",
        },
        wrote={"out/d/x0_0.bin": f32(2, 2, 2), "out/d/x1_0.bin": f32(3, 3, 3)},
    ),
    Case("a missing input", "batch1", f"--input nothere {SAVED}", code=2),
    # What is in the files.
    Case(
        ".npy of one sample",
        "batch4",
        RUN_1,
        {f"bin/img_{k}.npy": npy(row(k)) for k in range(4)},
        wrote=both_outputs(4),
    ),
    Case(
        ".npy of half a group",
        "batch4",
        RUN_1,
        {f"bin/img_{k}.npy": npy(np.concatenate([row(k), row(k)])) for k in range(2)},
        wrote={
            **{f"out/d/img_{k}_0.bin": f32(*[k + 1] * 6) for k in range(2)},
            **{f"out/d/img_{k}_1.bin": f32(3 * k, 3 * k) for k in range(2)},
        },
        says=("filesperbatch:2 runcount:1$",),
    ),
    Case(
        ".npy of a whole group",
        "batch4",
        RUN_1,
        {"bin/img_0.npy": npy(np.ones((4, 3), np.float32))},
        wrote={"out/d/img_0_0.bin": f32(*[2] * 12), "out/d/img_0_1.bin": f32(3, 3, 3, 3)},
    ),
    Case(
        "an .npy in Fortran's order is read by its values",
        "batch4",
        RUN_1,
        {"bin/img_0.npy": npy(np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3)))},
        wrote={"out/d/img_0_0.bin": f32(*range(1, 13)), "out/d/img_0_1.bin": f32(3, 12, 21, 30)},
    ),
    Case(
        "int32 for a float input is taken as bytes",
        "batch1",
        RUN_1,
        {"bin/img_0.npy": npy(np.array([[1, 2, 3]], np.int32))},
        wrote={"out/d/img_0_0.bin": f32(1, 1, 1)},
    ),
    Case(
        "the shape of an .npy does not matter",
        "batch1",
        RUN_1,
        {"bin/img_0.npy": npy(row(4).reshape(3, 1, 1))},
        wrote={"out/d/img_0_0.bin": f32(5, 5, 5)},
    ),
    Case("float64 is too large", "batch1", RUN_1, {"bin/x.npy": npy(np.ones((1, 3)))}, code=1),
    Case(
        "no whole number of files fits",
        "batch4",
        RUN_1,
        {"bin/x.bin": bytes(20)},
        code=1,
        says=(r"\[ERROR\] arg0 tensorsize: 48 filesize: 20 not match",),
    ),
    Case("a file larger than the input", "batch1", RUN_1, {"bin/x.bin": bytes(24)}, code=1),
    Case(
        "a later file of another size",
        "batch1",
        RUN_1,
        {"bin/x0.bin": f32(1, 1, 1), "bin/x1.bin": f32(1, 1)},
        code=1,
        wrote={"out/d/x0_0.bin": f32(2, 2, 2)},
        summaries=(),
    ),
    Case("an empty file", "batch1", RUN_1, {"bin/x.bin": b""}, code=1),
    Case(
        ".npy of different shapes in a group",
        "batch4",
        RUN_1,
        {"bin/x0.npy": npy(row(1)), "bin/x1.npy": npy(row(1).reshape(3, 1))},
        code=1,
    ),
    # Without input.
    Case(
        "zeros",
        "batch4",
        SAVED,
        wrote={
            "out/d/pure_infer_data_0.bin": f32(*[1] * 12),
            "out/d/pure_infer_data_1.bin": bytes(16),
        },
        summary={"runs": 1, "first_files": ["pure_infer_data"]},
    ),
    Case(
        "zeros for two inputs",
        "two",
        SAVED,
        wrote={"out/d/pure_infer_data_0.bin": bytes(16)},
        summary={
            "filesinfo": {
                "0": {
                    "infiles": ["pure_infer_data"] * 2,
                    "outfiles": ["out/d/pure_infer_data_0.bin"],
                }
            }
        },
    ),
    Case(
        "random bytes",
        "integers",
        f"--pure_data_type random {SAVED}",
        wrote={"out/d/pure_infer_data_0.bin": None},
    ),
    Case("unknown made-up data", "batch1", "--pure_data_type ones", code=2),
    Case(
        "a run for throughput",
        "batch4",
        "--loop 20",
        says=(
            r"\[INFO\] try get model batchsize:4$",
            r"\[INFO\] warm up 1 done$",
            r"\[INFO\] -----------------Performance Summary------------------$",
            r"\] NPU_compute_time \(ms\): min = \S+, max = \S+, mean = \S+, median = \S+, perc",
            r"\[INFO\] throughput 1000\*batchsize.mean\(4\)/NPU_compute_time.mean\(\S+\): \S+$",
            r"\[INFO\] ------------------------------------------------------$",
        ),
        silent=("H2D_latency", "output path", "filesperbatch"),
    ),
    # What is written.
    Case(
        "NPY",
        "batch1",
        f"--input bin --outfmt NPY {SAVED}",
        images(1),
        wrote={"out/d/img_0_0.npy": npy(row(1))},
    ),
    Case(
        "TXT of floats",
        "batch4",
        f"--input bin --outfmt TXT {SAVED}",
        images(4),
        wrote={
            **{f"out/d/img_{k}_0.txt": b"%d.000000 " % (k + 1) * 3 + b"\n" for k in range(4)},
            **{f"out/d/img_{k}_1.txt": b"%d.000000 \n" % (3 * k) for k in range(4)},
        },
    ),
    Case(
        "TXT of integers",
        "integers",
        f"--input bin --outfmt TXT {SAVED}",
        {"bin/x.npy": npy(np.array([[0, -5, 1 << 40]]))},
        wrote={"out/d/x_0.txt": b"1 -4 1099511627777 \n"},
    ),
    Case(
        "TXT of float16",
        "half",
        f"--input bin --outfmt TXT {SAVED}",
        {"bin/x.npy": npy(np.array([[0.5, 2, 1e-4]], np.float16))},
        wrote={"out/d/x_0.txt": b"1.000000 4.000000 0.000200 \n"},
    ),
    Case("a format in small letters", "batch1", "--outfmt bin", code=2),
    Case(
        "outputs are divided on another axis",
        "turned",
        f"{RUN_1} --output_batchsize_axis 1",
        {f"bin/img_{k}.bin": f32(k, 10 + k, 20 + k) for k in range(4)},
        wrote={f"out/d/img_{k}_0.bin": f32(k, 10 + k, 20 + k) for k in range(4)},
    ),
    Case(
        "an axis that does not divide",
        "turned",
        RUN_1,
        images(4),
        code=1,
        says=(r"\[ERROR\] save out files error array shape:",),
    ),
    Case(
        "an axis that is not there",
        "batch4",
        f"{RUN_1} --output_batchsize_axis 2",
        images(4),
        code=1,
    ),
    Case("axis 9", "batch4", f"{RUN_1} --output_batchsize_axis 9", images(4), code=2),
    Case("a scalar has no axis", "scalar1", RUN_1, images(2), code=1),
    Case("a scalar of a group", "scalar", RUN_1, images(2), code=1),
    Case(
        "names count up to the first dot",
        "batch1",
        RUN_1,
        {f"bin/s.{k}.bin": f32(k, k, k) for k in range(3)},
        wrote={"out/d/s_0.bin": f32(3, 3, 3)},
        summary={"runs": 3},
    ),
    Case(
        "nothing is saved without --output",
        "batch1",
        "--input bin",
        images(2),
        silent=("output p",),
    ),
    Case(
        "a folder named after the time",
        "batch1",
        "--input bin --output out",
        images(1),
        wrote={"out/TIME/img_0_0.bin": f32(1, 1, 1)},
        summaries=("out/TIME_summary.json",),
        says=(r"output path:out/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d$",),
    ),
    Case(
        "folders above are made, too",
        "batch1",
        "--input bin --output out/a/b --output_dirname d/e",
        images(1),
        wrote={"out/a/b/d/e/img_0_0.bin": f32(1, 1, 1)},
        summaries=("out/a/b/d/e_summary.json",),
    ),
    Case("--output_dirname alone", "batch1", "--output_dirname d", code=1),
    Case("--output_dirname as a full path", "batch1", "--output out --output_dirname /d", code=1),
    # How often, and how long.
    Case(
        "--loop repeats every group",
        "batch4",
        f"{RUN_1} --loop 3",
        images(5),
        wrote=both_outputs(5),
        summary={"runs": 6, "copies": (2, 4)},
    ),
    Case("no warm-up", "batch1", "--warmup_count 0", says=("warm up 0 done",)),
    Case(
        "a long warm-up is not timed",
        "batch1",
        f"--warmup_count 5 {SAVED}",
        wrote={"out/d/pure_infer_data_0.bin": f32(1, 1, 1)},
        says=("warm up 5 done",),
        summary={"runs": 1, "copies": (1, 1)},
    ),
    Case("a negative warm-up", "batch1", "--warmup_count -1", code=2),
    Case("no loop", "batch1", "--loop 0", code=2),
    Case("a very long loop", "batch1", "--loop 100001", code=2),
    Case("device 256", "batch1", "--device 256", code=2),
    Case("65 threads", "batch1", "--pipeline 1 --threads 65", code=2),
    Case(
        "--batchsize counts for the throughput alone",
        "batch4",
        f"{RUN_1} --batchsize 8",
        images(4),
        wrote=both_outputs(4),
        says=(r"throughput 1000\*batchsize.mean\(8\)",),
        silent=("try get model batchsize",),
        summary={"batchsize": 8},
    ),
    Case(
        "all lines of the summary",
        "batch1",
        "--display_all_summary T",
        says=(r"\[INFO\] H2D_latency \(ms\): min = ", r"\[INFO\] D2H_latency \(ms\): min = "),
    ),
    Case("flags in words", "batch1", "--display_all_summary no --debug Yes", silent=("H2D",)),
    Case("a flag that is neither", "batch1", "--debug maybe", code=2),
    Case("an unknown option", "batch1", "--nonsense 1", code=2),
    Case("--profiler with --dump", "batch1", f"--profiler 1 --dump 1 {SAVED}", code=1),
    Case("--profiler without --output", "batch1", "--profiler 1", code=1),
    # Dynamic dims.
    Case("dynamic dims without sizes", "dynamic", RUN_1, images(1), code=1),
    Case(
        "--dymBatch",
        "dynamic",
        f"{RUN_1} --dymBatch 2",
        images(3),
        wrote=plus_one(3),
        says=("batchsize:2$", "filesperbatch:2 runcount:2"),
        summary={"batchsize": 2},
    ),
    Case("--dymBatch of a large batch", "dynamic", "--dymBatch 4097", code=2),
    Case(
        "--dymHW",
        "picture",
        f"{RUN_1} --dymHW 1,3",
        images(2),
        wrote=plus_one(2),
        says=("filesperbatch:1 runcount:2",),
    ),
    Case(
        "--dymDims",
        "dynamic",
        f"{RUN_1} --dymDims x:3,3",
        images(4),
        wrote=plus_one(4),
        says=("batchsize:3$", "filesperbatch:3 runcount:2"),
        summary={"batchsize": 3},
    ),
    Case(
        "--dymShape of two inputs",
        "free2",
        f"--input a,b --dymShape a:2,2;b:2,1 --outputSize 16 {SAVED}",
        {f"{name[0]}/{name}": data for name, data in {**A, **B}.items() if name != "b2.bin"},
        wrote=PAIRS,
        summary={"batchsize": 2},
    ),
    Case(
        "the shape of each file",
        "free",
        f"{RUN_1} --auto_set_dymshape_mode 1",
        {f"bin/x{k}.npy": npy(np.full((k + 1, 2), k, np.float32)) for k in (0, 1, 3)},
        wrote={f"out/d/x{k}_0.bin": f32(*[k + 1] * 2 * (k + 1)) for k in (0, 1, 3)},
        says=(r"batchsize.mean\(2.3333333333333335\)", "filesperbatch:1 runcount:3$"),
        summary={"runs": 3, "batchsize": 7 / 3},
    ),
    Case(
        "the same by gears",
        "dynamic",
        f"{RUN_1} --auto_set_dymdims_mode true --batchsize 8",
        {"bin/img_0.npy": npy(row(0)), "bin/img_1.npy": npy(row(1))},
        wrote=plus_one(2),
        summary={"batchsize": 1},
    ),
    Case("bytes have no shape", "free", f"{RUN_1} --auto_set_dymshape_mode 1", images(1), code=1),
    Case(
        "another dtype has no size that fits",
        "free",
        f"{RUN_1} --auto_set_dymshape_mode 1",
        {"bin/x.npy": npy(np.ones((2, 2)))},
        code=1,
    ),
    # Ways to run.
    Case("--run_mode files", "batch1", f"{RUN_1} --run_mode files", images(1), wrote=plus_one(1)),
    Case(
        "--run_mode files with .npy",
        "batch1",
        f"{RUN_1} --run_mode files",
        {"bin/x.npy": npy(row(1))},
        code=1,
    ),
    Case("--run_mode files without input", "batch1", "--run_mode files", code=1),
    Case("--run_mode tensor", "batch1", f"{RUN_1} --run_mode tensor", images(1), wrote=plus_one(1)),
    Case(
        "--pipeline knows no groups and lists no files",
        "batch1",
        f"{RUN_1} --pipeline 1",
        {"bin/s.0.bin": f32(0, 0, 0), "bin/s.1.bin": f32(1, 1, 1)},
        wrote={"out/d/s.0_0.bin": f32(1, 1, 1), "out/d/s.1_0.bin": f32(2, 2, 2)},
        summary={"filesinfo": {}, "runs": 2},
    ),
    Case("--pipeline with files of a part", "batch4", f"{RUN_1} --pipeline 1", images(4), code=1),
    Case(
        "--pipeline on threads",
        "batch1",
        f"{RUN_1} --pipeline 1 --threads 2",
        images(5),
        wrote=plus_one(5),
        summary={"spans": 5},
    ),
    Case(
        "two devices run everything",
        "batch1",
        f"{RUN_1} --device 0,1",
        images(2),
        wrote={**plus_one(2, "out/d/device0_0"), **plus_one(2, "out/d/device1_1")},
        summaries=("out/d/device0_0_summary.json", "out/d/device1_1_summary.json"),
        says=(
            r"\[INFO\] multidevice run end qsize:4 result:0$",
            r"i:0 device_0 throughput:\S+ start_time:\S+ end_time:\S+$",
            r"i:1 device_1 throughput:",
            r"\[INFO\] summary throughput:\S+$",
        ),
    ),
    Case(
        "two devices share the files",
        "batch1",
        f"{RUN_1} --device 3,3 --divide_input 1",
        images(3),
        wrote={
            **plus_one(2, "out/d/device3_0"),
            "out/d/device3_1/img_2_0.bin": f32(3, 3, 3),
        },
        summaries=("out/d/device3_0_summary.json", "out/d/device3_1_summary.json"),
    ),
    Case(
        "three devices share as evenly as can be",
        "batch1",
        f"{RUN_1} --device 0,1,2 --divide_input 1",
        images(4),
        wrote={
            **plus_one(2, "out/d/device0_0"),
            "out/d/device1_1/img_2_0.bin": f32(3, 3, 3),
            "out/d/device2_2/img_3_0.bin": f32(4, 4, 4),
        },
        summaries=tuple(f"out/d/device{k}_{k}_summary.json" for k in range(3)),
        says=(r"multidevice:\[0, 1, 2\] run begin",),
    ),
    Case(
        "paths stay as they were given",
        "batch1",
        f"--input ./bin/ {SAVED}",
        images(1),
        wrote=plus_one(1),
        summary=infiles("./bin/img_0.bin"),
    ),
    # What only graphfix does.
    Case(
        "the second input has fewer files",
        "two",
        f"--input a,b {SAVED}",
        {"a/0.bin": f32(1, 2), "a/1.bin": f32(1, 2), "a/2.bin": f32(1, 2), "b/0.bin": bytes(4)},
        code=1,
        ours=True,
    ),
    Case(
        "the file names of 2023",
        "batch1",
        f"{RUN_1} --device 0,1 --contract 2023",
        images(3),
        wrote={**plus_one(2, "out/d/device0"), "out/d/device1/img_2_0.bin": f32(3, 3, 3)},
        summaries=("out/d/device0_summary.json", "out/d/device1_summary.json"),
        ours=True,
    ),
    Case(
        "the file names of 2022",
        "batch1",
        f"{RUN_1} --contract 2022",
        images(1),
        wrote=plus_one(1),
        summaries=("out/d/sumary.json",),
        ours=True,
    ),
    Case(
        "a range of shapes",
        "free",
        "--dymShape_range x:1-2,3~5~2",
        says=(
            r"run_count:4 success_count:4 avg_throughput:\d",
            r"0 dymshape:x:\d,\d  result:OK throughput:\d",
            r"3 dymshape:x:\d,\d  result:OK throughput:\d",
            r"dymshape:x:2,5 end run result:OK",
        ),
        ours=True,
    ),
    Case(
        "a range of which some shapes fail",
        "dynamic",
        "--dymShape_range x:2,3~4",
        says=(r"run_count:2 success_count:1 ", r"1 dymshape:x:2,4  result:Failed throughput:0.0$"),
        ours=True,
    ),
    Case(
        "a range of which all shapes fail",
        "dynamic",
        "--dymShape_range x:2,4",
        says=("run_count:1 success_count:0 ",),
        ours=True,
    ),
    Case(
        "ranges in a file",
        "dynamic",
        "--dymShape_range r.info",
        {"r.info": b"x:1~2,3\nx:5,3\n"},
        says=("run_count:3 success_count:3 ", "dymshape:x:5,3 end run result:OK"),
        ours=True,
    ),
    Case(
        "a shape goes before a range",
        "dynamic",
        "--dymShape_range x:1~2,3 --dymShape x:4,3",
        says=("batchsize:4$",),
        silent=("run_count",),
        ours=True,
    ),
    Case(
        "fewer files than devices",
        "batch1",
        f"{RUN_1} --device 0,1 --divide_input 1",
        images(1),
        code=1,
        says=(r"\[ERROR\] 1 file\(s\) leave none for some of 2 devices$",),
        ours=True,
    ),
    Case("a range that is none", "dynamic", "--dymShape_range x:2,4~", code=1, ours=True),
    Case("a shape of an unknown input", "dynamic", "--dymShape z:2,3", code=1, ours=True),
    Case("a shape that does not fit", "dynamic", "--dymShape x:2,4", code=1, ours=True),
    Case("a shape that is none", "dynamic", "--dymShape x:2,three", code=1, ours=True),
    Case(
        "two kinds of dynamic dims", "dynamic", "--dymBatch 2 --dymShape x:2,3", code=1, ours=True
    ),
    Case("--dymBatch for a fixed model", "batch1", "--dymBatch 2", code=1, ours=True),
    Case("--dymHW of three numbers", "picture", "--dymHW 1,2,3", code=1, ours=True),
    Case(
        "flags of 2022 without value",
        "batch1",
        "--debug --display_all_summary",
        ours=True,
        says=(r"\[INFO\] input 0 x float32 \[1, 3\]$", "H2D"),
    ),
    Case("names of 2022", "batch1", "-r 3", ours=True),
)
