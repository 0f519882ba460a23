"""The command line of ais_bench, and the few options that graphfix adds to it."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NoReturn

from graphfix.errors import UsageError
from graphfix.infer.errors import InferError
from graphfix.infer.gears import Batch, FromFiles, Gear, Picture, Static, parse_dims
from graphfix.infer.options import Contract, Options, OutFormat, RunMode

_TRUE: Final = frozenset(("yes", "true", "t", "y", "1"))
_FALSE: Final = frozenset(("no", "false", "f", "n", "0"))
_MAX_INPUTS: Final = 1024
_MAX_DEVICES: Final = 256


class CommandLineError(UsageError):
    """The command line cannot be read at all; ais_bench exits with 2."""


class HelpWanted(Exception):
    """``--help`` was given; the message is the help."""


class Backend(Enum):
    """What runs the model."""

    AUTO = "auto"
    """ais_bench for an ``.om`` where it is installed, else onnxruntime."""
    ASCEND = "ascend"
    ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True)
class Command:
    """What was typed."""

    options: Options
    backend: Backend
    as_json: bool
    plain: tuple[str, ...]
    """The arguments without those that ais_bench does not know."""


def parse(arguments: Sequence[str], program: str, typed: Sequence[str]) -> Command:
    """Read a command line. ``typed`` is all of it, with the program, for the summary.

    Raises:
        CommandLineError: an option is unknown, misses its value or has one that is not allowed.
        InferError: options contradict each other.
        HelpWanted: the help is wanted instead.
    """
    own = _own_options()
    parser = _ais_options(program, own)
    added, plain = own.parse_known_args(list(arguments))
    if "-h" in plain or "--help" in plain:
        raise HelpWanted(parser.format_help())
    given = parser.parse_args(list(arguments))
    options = Options(
        model=given.model,
        inputs=given.input or (),
        output=given.output,
        output_dirname=given.output_dirname,
        outfmt=OutFormat(given.outfmt),
        loop=given.loop,
        debug=given.debug,
        devices=given.device,
        gear=_gear(given),
        shape_range=given.dymShape_range,
        output_sizes=given.outputSize or (),
        batchsize=given.batchsize,
        random=given.pure_data_type == "random",
        output_axis=given.output_batchsize_axis,
        run_mode=RunMode(given.run_mode),
        all_summary=given.display_all_summary,
        warmup=given.warmup_count,
        divide_input=given.divide_input,
        pipeline=given.pipeline,
        threads=given.threads,
        profiler=given.profiler,
        dump=given.dump,
        device_only=_device_only(given),
        contract=Contract(added.contract),
        arguments=tuple(typed),
    )
    return Command(options, Backend(added.backend), added.json, tuple(plain))


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are errors of graphfix."""

    def error(self, message: str) -> NoReturn:
        raise CommandLineError(f"{message}; '{self.prog} --help' lists the options")


def _own_options() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("options of graphfix")
    group.add_argument(
        "--backend",
        choices=[each.value for each in Backend],
        default=Backend.AUTO.value,
        help="what runs the model; auto takes ais_bench for an .om where it is installed",
    )
    group.add_argument(
        "--contract",
        choices=[each.value for each in Contract],
        default=Contract.AIS_2025.value,
        help="the year of the ais_bench whose file names and summary are wanted; default 2025",
    )
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _ais_options(program: str, own: _Parser) -> _Parser:
    parser = _Parser(
        prog=program,
        parents=[own],
        add_help=False,
        description="Run a model over samples as ais_bench does, on an NPU or with onnxruntime.",
    )
    add = parser.add_argument
    add("-h", "--help", action="store_true", help="show this help and exit")
    add("-m", "--model", "--om", type=_model, required=True, help=".om, or .onnx on the CPU")
    add("-i", "--input", type=_inputs, help="comma list: files, or a folder for each input")
    add("-o", "--output", help="folder for the results; without it nothing is saved")
    add("--output_dirname", help="folder in --output instead of one named after the time")
    add("--outfmt", choices=[each.value for each in OutFormat], default="BIN", help="default BIN")
    add("-l", "--loop", "-r", type=_integer(1, 100_000), default=1, help="runs of each group")
    _flag(parser, "--debug", help="print the inputs and outputs of the model")
    add("-d", "--device", type=_devices, default=(0,), help="0 to 255, or a comma list")
    add("--dymBatch", type=_integer(0, 4096), default=0, help="batch of a model with dynamic batch")
    add("--dymHW", help="height,width of a model with dynamic picture size")
    add("--dymDims", help='dims by input, as in "x:1,3,224,224;mask:1,5"')
    add("--dymShape", help="the same for a model of dynamic shape")
    add("--outputSize", type=_sizes, help="bytes of each output, with --dymShape on an NPU")
    _flag(parser, "--auto_set_dymshape_mode", help="take the shape from each .npy file")
    _flag(parser, "--auto_set_dymdims_mode", help="the same for --dymDims")
    add("--batchsize", type=_integer(1, 4096), help="samples in a run, for the throughput alone")
    add("--pure_data_type", choices=("zero", "random"), default="zero", help="data without --input")
    _flag(parser, "--profiler", help="profile on the NPU; needs --output")
    _flag(parser, "--dump", help="dump tensors on the NPU; needs --output")
    add("--acl_json_path", help="configuration of the NPU's runtime")
    add("--output_batchsize_axis", type=_integer(0, 8), default=0, help="axis to divide outputs on")
    add("--run_mode", choices=[each.value for each in RunMode], default="array")
    _flag(parser, "--display_all_summary", help="print the times of the copies, too")
    add("--warmup_count", type=_integer(0, 10_000), default=1, help="runs that are not timed")
    add("--dymShape_range", help='shapes to try, as in "x:1,3,200~224,224-230", or an .info file')
    _flag(parser, "--perf", help="of the backend trtexec; means nothing here")
    _flag(parser, "--divide_input", help="divide the files among the devices")
    add("--aipp_config", help="of an .om with dynamic AIPP")
    _flag(parser, "--energy_consumption", help="measured on the NPU")
    add("--npu_id", type=_devices, help="of --energy_consumption")
    _flag(parser, "--pipeline", help="prepare, run and save at the same time; one file is a run")
    add("--threads", type=_integer(1, 64), default=1, help="threads of --pipeline")
    _flag(parser, "--profiler_rename", default=True, help="of --profiler")
    _flag(parser, "--dump_npy", help="of --dump")
    return parser


def _flag(parser: argparse.ArgumentParser, name: str, *, default: bool = False, help: str) -> None:
    """A flag with a value, as in ``--debug 1``; early releases gave it none."""
    parser.add_argument(name, type=_bool, nargs="?", const=True, default=default, help=help)


def _bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not in {low} to {high}")
        return value

    return read


def _devices(text: str) -> tuple[int, ...]:
    devices = tuple(map(_integer(0, 255), text.split(",")))
    if len(devices) > _MAX_DEVICES:
        raise argparse.ArgumentTypeError(f"{len(devices)} devices; {_MAX_DEVICES} at most")
    return devices


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(_integer(1, 1 << 62), text.split(",")))


def _model(text: str) -> str:
    path = Path(text)
    if path.suffix == ".om" and path.with_suffix(".onnx").is_file():
        return text
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return text


def _inputs(text: str) -> tuple[str, ...]:
    entries = tuple(each for each in text.split(",") if each)
    if not entries:
        raise argparse.ArgumentTypeError("names no file and no folder")
    if len(entries) > _MAX_INPUTS:
        raise argparse.ArgumentTypeError(
            f"{len(entries)} files, {_MAX_INPUTS} at most; put them into a folder"
        )
    for each in entries:
        if not os.path.exists(each):
            raise argparse.ArgumentTypeError(f"{each}: no such file or folder")
    return entries


def _gear(given: argparse.Namespace) -> Gear:
    gears: dict[str, Gear] = {}
    if given.dymBatch:
        gears["--dymBatch"] = Batch(given.dymBatch)
    if given.dymHW is not None:
        gears["--dymHW"] = _picture(given.dymHW)
    for name in ("dymDims", "dymShape"):
        if (text := getattr(given, name)) is not None:
            gears[f"--{name}"] = parse_dims(text)
    for name in ("auto_set_dymdims_mode", "auto_set_dymshape_mode"):
        if getattr(given, name):
            gears[f"--{name}"] = FromFiles()
    if len(gears) > 1:
        raise InferError(f"{' and '.join(gears)} exclude each other; give one of them")
    return next(iter(gears.values()), Static())


def _picture(text: str) -> Picture:
    sizes = text.split(",")
    if len(sizes) != 2 or not all(each.isdecimal() and int(each) > 0 for each in sizes):
        raise InferError(f"--dymHW {text!r} is not height,width, such as 224,224")
    return Picture(int(sizes[0]), int(sizes[1]))


def _device_only(given: argparse.Namespace) -> tuple[str, ...]:
    names = ("profiler", "dump", "acl_json_path", "aipp_config", "energy_consumption", "npu_id")
    return tuple(f"--{name}" for name in names if getattr(given, name))
