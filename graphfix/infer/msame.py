"""msame's command line on onnxruntime: one file for each input and run, no batches.

msame is the C++ tool that preceded ais_bench. It reads ``.bin`` only, names outputs after the model
where its input is a list of files, and has status 0 for a command line it does not understand.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from graphfix.files import write_file
from graphfix.infer.engine import Engine, as_input, milliseconds
from graphfix.infer.errors import InferError
from graphfix.infer.gears import Gear, Shape, shapes_of
from graphfix.infer.options import OutFormat
from graphfix.infer.outputs import make_folder
from graphfix.infer.reading import (
    HelpWanted,
    Parser,
    boolean,
    byte_sizes,
    gear_of,
    input_entries,
    integer,
    model_file,
)
from graphfix.infer.result import Listener
from graphfix.infer.samples import read_sample, sample_stem
from graphfix.infer.tensors import Array


@dataclass(frozen=True)
class MsameOptions:
    """One command line of msame."""

    model: str
    inputs: tuple[str, ...]
    """A ``.bin`` file or a folder of them for each input of the model; none for zeros."""
    output: str | None
    as_text: bool
    loop: int
    """How often the model is run; 1 where the inputs are folders."""
    gear: Gear


def parse(arguments: Sequence[str]) -> MsameOptions:
    """Read a command line.

    Raises:
        CommandLineError: it is not understood.
        InferError: options contradict each other.
        HelpWanted: the help is wanted instead.
    """
    parser = _parser()
    if {"-h", "--help"} & set(arguments):
        raise HelpWanted(parser.format_help())
    given = parser.parse_args(list(arguments))
    inputs = given.input or ()
    return MsameOptions(
        model=given.model,
        inputs=inputs,
        output=given.output,
        as_text=OutFormat(given.outfmt) is OutFormat.TXT,
        loop=given.loop if not inputs or os.path.isfile(inputs[0]) else 1,
        gear=gear_of(given),
    )


def run(options: MsameOptions, listener: Listener) -> tuple[str, ...]:
    """Run the model on every sample and return the files written.

    Raises:
        InferError: the samples or sizes do not fit the model.
        UsageError: a result cannot be written.
        ModelError: the model cannot be loaded or run.
        ToolError: the model is an ``.om`` without its ONNX file.
    """
    engine = Engine(Path(options.model))
    shapes = shapes_of(engine.inputs, options.gear)
    samples = _samples(options, len(engine.inputs))
    folder = None if options.output is None else _make_folder(options.output)
    if folder is not None:
        listener.line(folder)
    written, times = [], []
    for stem, files in samples:
        arrays = _arrays(engine, shapes, files)
        for _ in range(options.loop):
            started = milliseconds()
            outputs = engine.execute(arrays)
            times.append(milliseconds() - started)
            listener.line(f"Inference time: {times[-1]:.6g}ms")
        for index, output in enumerate(outputs if folder is not None else ()):
            suffix = "txt" if options.as_text else "bin"
            path = os.path.join(folder or "", f"{stem}_output_{index}.{suffix}")
            write_file(Path(path), _text(output) if options.as_text else output.tobytes())
            written.append(path)
    _report(options, times, listener)
    return tuple(written)


def _parser() -> Parser:
    parser = Parser(prog="python -m graphfix.ais_bench --msame", add_help=False)
    add = parser.add_argument
    add("--model", type=model_file, required=True, help=".om, or .onnx on the CPU")
    add("--input", type=input_entries, help="comma list: a .bin or a folder of them for each input")
    add("--output", help="folder in which one named after the time is made")
    add("--outfmt", choices=("BIN", "TXT"), default="BIN", help="default BIN")
    add("--loop", type=integer(1, 100), default=1, help="runs of one list of files")
    add("--dump", type=boolean, default=False, help="means nothing without an NPU")
    add("--profiler", type=boolean, default=False, help="means nothing without an NPU")
    add("--device", type=integer(0, 255), default=0, help="means nothing without an NPU")
    add("--debug", type=boolean, default=False, help="accepted")
    add("--dymBatch", type=integer(0, 4096), default=0)
    for name in ("dymHW", "dymDims", "dymShape"):
        add(f"--{name}")
    add("--outputSize", type=byte_sizes, help="means nothing without an NPU")
    add("-h", "--help", action="store_true", help="show this help and exit")
    return parser


def _samples(options: MsameOptions, inputs: int) -> list[tuple[str, tuple[str, ...]]]:
    """For each run the stem of its outputs and a file for each input."""
    entries = options.inputs
    if not entries:
        return [(Path(options.model).stem, ())]
    if len(entries) != inputs:
        raise InferError(f"--input names {len(entries)} files or folders; the model has {inputs}")
    if os.path.isfile(entries[0]):
        return [(Path(options.model).stem, entries)]
    names = sorted(name for name in os.listdir(entries[0]) if name.endswith(".bin"))
    if not names:
        raise InferError(f"{entries[0]}: no .bin file in this folder")
    return [
        (sample_stem(name, whole=True), tuple(os.path.join(folder, name) for folder in entries))
        for name in names
    ]


def _arrays(engine: Engine, shapes: Sequence[Shape], files: Sequence[str]) -> list[Array]:
    arrays = []
    for index, (desc, shape) in enumerate(zip(engine.inputs, shapes, strict=True)):
        if not files:
            zeros = np.zeros(math.prod(shape) * desc.datatype.itemsize, dtype=np.uint8)
            arrays.append(as_input(zeros, desc, shape))
            continue
        if not files[index].endswith(".bin"):
            raise InferError(f"{files[index]}: msame reads .bin files only")
        data = read_sample(files[index])
        try:
            arrays.append(as_input(data, desc, shape))
        except InferError as error:
            raise InferError(f"{files[index]}: {error}") from error
    return arrays


def _make_folder(output: str) -> str:
    """The folder of this run; its name has no leading zeros."""
    now = datetime.now()
    day = f"{now.year}{now.month}{now.day}"
    name = f"{day}_{now.hour}_{now.minute}_{now.second}_{now.microsecond}"
    path = os.path.join(output, name)
    make_folder(path)
    return path


def _text(output: Array) -> str:
    """Integers, and floats of six significant digits as C++ prints them; a line for each row."""
    form = "{:d} " if output.dtype.kind in "iub" else "{:.6g} "
    rows = output.reshape(-1, output.shape[-1] if output.ndim else 1) if output.size else ()
    return "".join("".join(map(form.format, row.tolist())) + "\n" for row in rows)


def _report(options: MsameOptions, times: Sequence[float], listener: Listener) -> None:
    if options.inputs and os.path.isdir(options.inputs[0]):
        without = float(np.mean(times[1:] or times))
        listener.line(f"Inference average time : {np.mean(times):.2f} ms")
        listener.line(f"Inference average time without first time: {without:.2f} ms")
        without = float(np.mean(times[1:] or times))
        listener.line(f"Inference average time without first time: {without:.2f} ms")
    else:
        listener.line(f"Inference average time: {np.mean(times):f} ms")
        if len(times) > 1:
            without = float(np.mean(times[1:]))
            listener.line(f"Inference average time without first time: {without:f} ms")
    listener.info(f"pid: {os.getpid()} Execute sample success")
