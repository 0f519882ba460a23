"""What a conversion needs: the command, and the files that it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import onnx_ir as ir

from graphfix import __version__
from graphfix.atc.command_line import CommandLine, parse_command_line
from graphfix.atc.gears import GearKind
from graphfix.atc.precision_files import READERS
from graphfix.atc.precision_plan import PrecisionPlan, keep_dtype_file, op_precision_file
from graphfix.atc.preprocessing import PreprocessingDocument, read_preprocessing, write_aipp
from graphfix.atc.shape_plan import ShapePlan, parse_choice, plan_shapes
from graphfix.errors import UsageError
from graphfix.runners.atc import source_cann
from graphfix.spec import InputSpec
from graphfix.target import CANN_RELEASES, Profile

SCRIPT: Final = "convert.sh"

_OLD_PRECISION: Final[Mapping[str, str]] = {
    "fp16": "force_fp16",
    "origin": "must_keep_origin_dtype",
    "cube_fp16in_fp32out": "cube_fp16in_fp32out",
    "mixed_float16": "allow_mix_precision_fp16",
    "mixed_bfloat16": "allow_mix_precision_bf16",
}
"""``--precision_mode`` for what ``--precision_mode_v2`` calls so (documentation of both)."""

_FILE_FLAGS: Final = (*READERS, "insert_op_conf", "compression_optimize_conf")


@dataclass(frozen=True)
class ConvertRequest:
    """What to convert, and how."""

    model: Path
    output: Path
    """Folder for the result; made if it is missing."""
    target: str
    cann: str
    target_files: tuple[Path, ...] = ()
    shapes: tuple[str, ...] = ()
    gears: tuple[str, ...] = ()
    input_format: str = ""
    aipp: Path | PreprocessingDocument | None = None
    """YAML, or a file for ATC."""
    precision: str = ""
    """In the words of ``--precision_mode_v2``."""
    nodes: PrecisionPlan = field(default_factory=PrecisionPlan)
    out_nodes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """More flags of ATC, as ``name=value``."""
    host: str | None = None
    """``user@machine`` with ATC; none for this machine."""
    timeout: float | None = None
    """Seconds for ATC."""
    script_only: bool = False
    force: bool = False
    """Go on although findings say that it will fail."""


@dataclass(frozen=True)
class ConvertPlan:
    """The command, and the files beside the model that it names."""

    command: CommandLine
    files: Mapping[str, str]
    """Name to text."""
    script: str


def plan_conversion(request: ConvertRequest, model: ir.Model, profile: Profile) -> ConvertPlan:
    """Decide on the command for a model that is in its final spelling.

    Raises:
        UsageError: an option that does not fit the model, or a file that cannot be read.
    """
    name = request.model.stem.removesuffix(".atc")
    files: dict[str, str] = {}
    shapes = _shapes(request, model)
    fields_: dict[str, Any] = {
        "model": f"{name}.atc.onnx",
        "output": name,
        "soc_version": profile.soc.name,
        "input_format": request.input_format or (shapes.input_format if shapes else ""),
        "input_shape": shapes.shapes if shapes else (),
        "gears": shapes.gears if shapes else None,
        "out_nodes": request.out_nodes,
        "log": "error",
        **_precision_mode(request.precision, profile.cann),
    }
    for flag, file, text in (
        ("insert_op_conf", f"{name}.aipp.cfg", _aipp(request, model, shapes)),
        (
            "op_precision_mode",
            f"{name}.precision.ini",
            op_precision_file(model.graph, request.nodes),
        ),
        ("keep_dtype", f"{name}.keep_dtype.cfg", keep_dtype_file(model.graph, request.nodes)),
    ):
        if text:
            files[file] = text
            fields_[flag] = file
    command = _with_flags(CommandLine(**fields_), request.flags, files)
    return ConvertPlan(command, files, _script(command, profile))


def _shapes(request: ConvertRequest, model: ir.Model) -> ShapePlan | None:
    """None where the model fixes every size and nobody wants another one."""
    specs = [
        InputSpec(value.name or "", shape=_dims(value))
        for value in model.graph.inputs
        if not value.is_initializer()
    ]
    unnameable = any(";" in spec.name for spec in specs)
    if unnameable and not request.shapes and not request.gears:
        return None
    return plan_shapes(specs, request.shapes, [parse_choice(text) for text in request.gears])


def _dims(value: ir.Value) -> tuple[int | str | None, ...] | None:
    if value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else dim.value for dim in value.shape)


def _precision_mode(mode: str, cann: str) -> dict[str, str]:
    """``--precision_mode_v2`` came with 7.0; older releases have other words."""
    if not mode:
        return {}
    if CANN_RELEASES.index(cann) >= CANN_RELEASES.index("7.0"):
        return {"precision_mode_v2": mode}
    if mode not in _OLD_PRECISION:
        raise UsageError(f"--precision {mode}: CANN {cann} has {', '.join(_OLD_PRECISION)}")
    return {"precision_mode": _OLD_PRECISION[mode]}


def _aipp(request: ConvertRequest, model: ir.Model, shapes: ShapePlan | None) -> str:
    given = request.aipp
    if given is None:
        return ""
    if isinstance(given, Path) and given.suffix.lower() not in (".yaml", ".yml"):
        return _read(given, "--aipp")
    names = [value.name or "" for value in model.graph.inputs if not value.is_initializer()]
    sizes = {shape.name: shape.dims for shape in shapes.shapes} if shapes else {}
    document = read_preprocessing(given) if isinstance(given, Path) else given
    if document.input and document.input not in names:
        raise UsageError(
            f"--aipp {document.source}: input {document.input!r} is not one of {', '.join(names)}"
        )
    index = names.index(document.input) if document.input else 0
    dims = sizes.get(names[index], ()) if names else ()
    size = tuple(dim for dim in dims[2:4] if isinstance(dim, int) and dim > 0)
    return write_aipp(index, document.resolve((size[0], size[1]) if len(size) == 2 else None))


def _with_flags(command: CommandLine, flags: tuple[str, ...], files: dict[str, str]) -> CommandLine:
    """The command with more flags; files that they name are put beside the model."""
    words = list(command.words())
    given = {word[2:].partition("=")[0] for word in words[1:]} - {"log"}
    for text in flags:
        flag, equals, value = text.lstrip("-").partition("=")
        flag = flag.replace("-", "_")
        if not equals:
            raise UsageError(f"--atc-flag {text!r} must look like log=debug")
        if flag in given or flag in {kind.value for kind in GearKind}:
            raise UsageError(f"--atc-flag {flag}: graphfix sets --{flag}, from its own options")
        if flag in _FILE_FLAGS:
            path = Path(value)
            if path.name in files:
                raise UsageError(f"--atc-flag {text!r}: there is another file {path.name!r}")
            files[path.name] = _read(path, f"--atc-flag {flag}")
            value = path.name
        words = [word for word in words if not word.startswith(f"--{flag}=")]
        words.append(f"--{flag}={value}")
    return parse_command_line(words)


def _read(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option} {path}: cannot be read: {error}") from error


def _script(command: CommandLine, profile: Profile) -> str:
    return f"""\
#!/bin/bash
# Converts the model beside it for {profile.name}; written by graphfix {__version__}.
# Copy this folder to a machine with CANN and run the script there.
cd "$(dirname "$0")" || exit 1
{source_cann(unless="command -v atc >/dev/null")}
exec {command.render()}
"""
