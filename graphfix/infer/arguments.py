"""The command line of ais_bench, and the few options that graphfix adds to it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from graphfix.infer.options import Contract, Options, OutFormat, RunMode
from graphfix.infer.reading import (
    HelpWanted,
    Parser,
    boolean,
    byte_sizes,
    device_list,
    gear_of,
    input_entries,
    integer,
    model_file,
)


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
    host: str | None = None
    """``user@machine`` that has the NPU."""


def parse(arguments: Sequence[str], program: str, typed: Sequence[str]) -> Command:
    """Read a command line. ``typed`` is all of it, with the program, for the summary.

    Raises:
        CommandLineError: an option is unknown, misses its value or has one that is not allowed.
        InferError: options contradict each other.
        HelpWanted: the help is wanted instead.
    """
    own = _own_options(program)
    parser = _ais_options(program, own)
    plain = own.parse_known_args(list(arguments))[1]
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
        gear=gear_of(given),
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
        contract=Contract(given.contract),
        arguments=tuple(typed),
    )
    return Command(options, Backend(given.backend), given.json, tuple(plain), given.host)


def _own_options(program: str) -> Parser:
    parser = Parser(prog=program, add_help=False, allow_abbrev=False)
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
    group.add_argument("--host", help="user@machine with an NPU, which runs the .om over OpenSSH")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _ais_options(program: str, own: Parser) -> Parser:
    parser = Parser(
        prog=program,
        parents=[own],
        add_help=False,
        description="Run a model over samples as ais_bench does, on an NPU or with onnxruntime.",
    )
    add = parser.add_argument
    add("-h", "--help", action="store_true", help="show this help and exit")
    add("-m", "--model", "--om", type=model_file, required=True, help=".om, or .onnx on the CPU")
    add("-i", "--input", type=input_entries, help="comma list: files, or a folder for each input")
    add("-o", "--output", help="folder for the results; without it nothing is saved")
    add("--output_dirname", help="folder in --output instead of one named after the time")
    add("--outfmt", choices=[each.value for each in OutFormat], default="BIN", help="default BIN")
    add("-l", "--loop", "-r", type=integer(1, 100_000), default=1, help="runs of each group")
    _flag(parser, "--debug", help="print the inputs and outputs of the model")
    add("-d", "--device", type=device_list, default=(0,), help="0 to 255, or a comma list")
    add("--dymBatch", type=integer(0, 4096), default=0, help="batch of a model with dynamic batch")
    add("--dymHW", help="height,width of a model with dynamic picture size")
    add("--dymDims", help='dims by input, as in "x:1,3,224,224;mask:1,5"')
    add("--dymShape", help="the same for a model of dynamic shape")
    add("--outputSize", type=byte_sizes, help="bytes of each output, with --dymShape on an NPU")
    _flag(parser, "--auto_set_dymshape_mode", help="take the shape from each .npy file")
    _flag(parser, "--auto_set_dymdims_mode", help="the same for --dymDims")
    add("--batchsize", type=integer(1, 4096), help="samples in a run, for the throughput alone")
    add("--pure_data_type", choices=("zero", "random"), default="zero", help="data without --input")
    _flag(parser, "--profiler", help="profile on the NPU; needs --output")
    _flag(parser, "--dump", help="dump tensors on the NPU; needs --output")
    add("--acl_json_path", help="configuration of the NPU's runtime")
    add("--output_batchsize_axis", type=integer(0, 8), default=0, help="axis to divide outputs on")
    add("--run_mode", choices=[each.value for each in RunMode], default="array")
    _flag(parser, "--display_all_summary", help="print the times of the copies, too")
    add("--warmup_count", type=integer(0, 10_000), default=1, help="runs that are not timed")
    add("--dymShape_range", help='shapes to try, as in "x:1,3,200~224,224-230", or an .info file')
    _flag(parser, "--perf", help="of the backend trtexec; means nothing here")
    _flag(parser, "--divide_input", help="divide the files among the devices")
    add("--aipp_config", help="of an .om with dynamic AIPP")
    _flag(parser, "--energy_consumption", help="measured on the NPU")
    add("--npu_id", type=device_list, help="of --energy_consumption")
    _flag(parser, "--pipeline", help="prepare, run and save at the same time; one file is a run")
    add("--threads", type=integer(1, 64), default=1, help="threads of --pipeline")
    _flag(parser, "--profiler_rename", default=True, help="of --profiler")
    _flag(parser, "--dump_npy", help="of --dump")
    return parser


def _flag(parser: argparse.ArgumentParser, name: str, *, default: bool = False, help: str) -> None:
    """A flag with a value, as in ``--debug 1``; early releases gave it none."""
    parser.add_argument(name, type=boolean, nargs="?", const=True, default=default, help=help)


def _device_only(given: argparse.Namespace) -> tuple[str, ...]:
    names = ("profiler", "dump", "acl_json_path", "aipp_config", "energy_consumption", "npu_id")
    return tuple(f"--{name}" for name in names if getattr(given, name))
