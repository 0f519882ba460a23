"""Rules about AIPP, the preprocessing that ``--insert_op_conf`` puts before an input."""

from collections.abc import Iterator
from typing import Final

from graphfix.atc.aipp_config import INPUT_FORMATS, AippConfig, AippOp, parse_aipp
from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_PAGE: Final = "docs/zh/user_guides/atc_tools/CLI_options/--insert_op_conf.md"
_FLAG: Final = "--insert_op_conf"
_CHANNELS: Final = {"RGB888_U8": 3, "YUV400_U8": 1}


class AippFile(Rule):
    """The AIPP file is protobuf text with ``aipp_op { … }``, and every field is one of AIPP.

    ``aipp_mode`` is needed. Static AIPP needs ``input_format``, dynamic AIPP
    ``max_src_image_size``. A full-width colon is a usual mistake.
    """

    id = "GF460"
    title = "aipp-file"
    citation = f"hicann/ge: domi.InsertNewOps (E10052, E13018); {_PAGE}"

    def check(self, request: Request) -> Iterator[Finding]:
        """Problems in the order of the file."""
        path = request.file("insert_op_conf")
        if path is None:
            return
        where = f"{_FLAG}={request.values['insert_op_conf']}"
        try:
            config = parse_aipp(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            yield self.finding(f"{where}: the file does not exist", _FLAG)
            return
        except (OSError, ValueError) as error:
            yield self.finding(f"{where}: the file cannot be read: {error}", _FLAG)
            return
        for problem in config.problems:
            yield self.finding(f"{where}: {problem}", _FLAG)
        if config.problems:
            return
        for op in config.ops:
            for problem in _missing(op):
                yield self.finding(
                    f"{where}: aipp_op of line {op.line}: {problem}", _FLAG, evidence=Evidence.DOC
                )


class AippInput(Rule):
    """AIPP feeds an input of the model with four dims, and makes just its height and width.

    The picture that is fed is 8-bit NHWC or YUV, whatever the model says.
    """

    id = "GF461"
    title = "aipp-input"
    citation = f"hicann/opbase: aipp (E70014); {_PAGE}"

    def check(self, request: Request) -> Iterator[Finding]:
        """One after the other."""
        config = _config(request)
        shapes = {shape.name: shape.dims for shape in request.shapes or ()}
        for op in config.ops if config else ():
            index = op.integer("related_input_rank")
            if index >= len(request.model.inputs):
                yield self.finding(
                    f"{_FLAG}: related_input_rank {index} is no input, the model has "
                    f"{len(request.model.inputs)}",
                    _FLAG,
                )
                continue
            value = request.model.inputs[index]
            dims = shapes.get(value.name, value.dims)
            if dims is None:
                continue
            if len(dims) != 4:
                yield self.finding(
                    f"{_FLAG}: input {value.name!r} has {len(dims)} dims, AIPP needs 4", value.name
                )
                continue
            size = op.output_size
            open_size = not all(isinstance(dim, int) and dim > 0 for dim in dims[2:])
            if op.text("aipp_mode") == "static" and size and not open_size and size != dims[2:]:
                yield self.finding(
                    f"{_FLAG}: AIPP makes {size[0]}x{size[1]}, input {value.name!r} is "
                    f"{dims[2]}x{dims[3]} (E70014)",
                    value.name,
                )
            wanted = _CHANNELS.get(op.text("input_format"))
            if wanted and isinstance(dims[1], int) and dims[1] not in (wanted, -1):
                yield self.finding(
                    f"{_FLAG}: {op.text('input_format')} has {wanted} channels, input "
                    f"{value.name!r} has {dims[1]}",
                    value.name,
                    evidence=Evidence.INFERENCE,
                )


class AippConflict(Rule):
    """An input takes AIPP or float16 (``--input_fp16_nodes``), not both.

    ``--enable_small_channel`` goes with static AIPP only.
    """

    id = "GF462"
    title = "aipp-conflict"
    evidence = Evidence.DOC
    citation = f"{_PAGE}; --enable_small_channel.md"

    def check(self, request: Request) -> Iterator[Finding]:
        """Inputs in the order of the file."""
        config = _config(request)
        half = {n.strip() for n in (request.text("input_fp16_nodes") or "").split(";")}
        for op in config.ops if config else ():
            index = op.integer("related_input_rank")
            if index < len(request.model.inputs) and request.model.inputs[index].name in half:
                name = request.model.inputs[index].name
                yield self.finding(
                    f"input {name!r} has AIPP and is in --input_fp16_nodes (E10034)",
                    name,
                    _FLAG,
                    "--input_fp16_nodes",
                )
            if op.text("aipp_mode") == "dynamic" and request.text("enable_small_channel") == "1":
                yield self.finding(
                    "--enable_small_channel does not go with dynamic AIPP",
                    "--enable_small_channel",
                    _FLAG,
                    severity=Severity.WRONG,
                )


def _config(request: Request) -> AippConfig | None:
    """The file where it can be read without a problem."""
    path = request.file("insert_op_conf")
    if path is None:
        return None
    try:
        config = parse_aipp(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if config.problems else config


def _missing(op: AippOp) -> Iterator[str]:
    mode = op.text("aipp_mode")
    if mode not in ("static", "dynamic"):
        yield f"aipp_mode is {mode or 'not given'}, it must be static or dynamic"
    if mode == "dynamic" and not op.integer("max_src_image_size"):
        yield "dynamic AIPP needs max_src_image_size"
    format_ = op.text("input_format")
    if mode == "static" and not format_:
        yield "static AIPP needs input_format"
    if format_ and format_ not in INPUT_FORMATS:
        yield f"input_format {format_} is none of AIPP"
    if op.switch("crop"):
        for axis in ("h", "w"):
            end = op.integer(f"load_start_pos_{axis}") + op.integer(f"crop_size_{axis}")
            source = op.integer(f"src_image_size_{axis}")
            if source and end > source:
                yield f"the crop ends at {axis} = {end}, the picture has {source}"
    if format_ == "YUV420SP_U8":
        for axis in ("h", "w"):
            for name in (f"src_image_size_{axis}", f"load_start_pos_{axis}"):
                if op.integer(name) % 2:
                    yield f"{name} is {op.integer(name)}, YUV420SP needs even numbers"
