"""ATC's command line as a value: read one, build one, write it down."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from graphfix.atc.flags import FLAGS, Kind
from graphfix.atc.gears import GearKind, Gears, parse_gears
from graphfix.atc.shapes import InputShape, format_input_shape, parse_input_shape
from graphfix.atc.words import read_words, similar_flag
from graphfix.errors import UsageError

ONNX: Final = 5
"""``--framework`` of an ONNX model."""


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """What ``atc`` is asked to do; a field has the name of its flag, and is empty where not given.

    Flags without a field of their own are in ``extra``, in their order.
    """

    model: str
    output: str
    soc_version: str
    framework: int = ONNX
    input_format: str = ""
    input_shape: tuple[InputShape, ...] = ()
    gears: Gears | None = None
    """One of ``--dynamic_batch_size``, ``--dynamic_image_size`` and ``--dynamic_dims``."""
    out_nodes: tuple[str, ...] = ()
    output_type: str = ""
    input_fp16_nodes: tuple[str, ...] = ()
    insert_op_conf: str = ""
    precision_mode: str = ""
    precision_mode_v2: str = ""
    op_precision_mode: str = ""
    op_select_implmode: str = ""
    optypelist_for_implmode: tuple[str, ...] = ()
    keep_dtype: str = ""
    customize_dtypes: str = ""
    modify_mixlist: str = ""
    fusion_switch_file: str = ""
    buffer_optimize: str = ""
    enable_small_channel: str = ""
    log: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    def words(self) -> tuple[str, ...]:
        """The words of the command, ``atc`` first; nothing in them is quoted."""
        found = ["atc"]
        for field in fields(self):
            value: object = getattr(self, field.name)
            if field.name == "extra":
                found += [f"--{flag}={text}" for flag, text in self.extra]
            elif isinstance(value, Gears):
                found.append(f"--{value.kind.value}={value}")
            elif value not in ("", (), None):
                found.append(f"--{field.name}={_text(field.name, value)}")
        return tuple(found)

    def render(self) -> str:
        """The command for a shell, one flag to a line."""
        return " \\\n    ".join(map(shlex.quote, self.words()))


_SEPARATORS: Final[Mapping[str, str]] = {
    "out_nodes": ";",
    "input_fp16_nodes": ";",
    "optypelist_for_implmode": ",",
}


def _text(name: str, value: object) -> str:
    if name == "input_shape":
        assert isinstance(value, tuple)
        return format_input_shape(value)
    if isinstance(value, tuple):
        return _SEPARATORS[name].join(value)
    return str(value)


def parse_command_line(words: Sequence[str]) -> CommandLine:
    """Read the words of a command, with or without ``atc`` before them.

    Raises:
        UsageError: a word, flag or value that ATC would not take, or one of the flags that every
            conversion needs is missing. The checks of ``graphfix check-atc`` say more, and all at
            once.
    """
    read = read_words(words[1:] if words and words[0].rpartition("/")[2] == "atc" else words)
    if read.strays:
        raise UsageError(f"{read.strays[0]!r} belongs to no flag of atc")
    found: dict[str, Any] = {}
    extra: list[tuple[str, str]] = []
    names = {field.name for field in fields(CommandLine)} - {"gears", "extra"}
    gears = {kind.value: kind for kind in GearKind}
    for item in read.given:
        flag = FLAGS.get(item.flag)
        if flag is None:
            close = similar_flag(item.flag)
            hint = f"; did you mean --{close}?" if close else ""
            raise UsageError(f"atc has no flag {item.written}{hint}")
        if item.value is None:
            raise UsageError(f"{item.written} needs a value")
        try:
            if item.flag in gears:
                if "gears" in found:
                    raise UsageError("is one of two kinds of gears; one command takes one")
                found["gears"] = parse_gears(gears[item.flag], item.value)
            elif item.flag in names:
                found[item.flag] = _value(item.flag, flag.kind, item.value)
            else:
                extra.append((item.flag, item.value))
        except UsageError as error:
            raise UsageError(f"--{item.flag}: {error}") from error
    for name in ("model", "output", "soc_version"):
        if not found.get(name):
            raise UsageError(f"the command has no --{name}")
    return CommandLine(**found, extra=tuple(extra))


def _value(name: str, kind: Kind, text: str) -> object:
    if name == "input_shape":
        return parse_input_shape(text)
    if name in _SEPARATORS:
        return tuple(part.strip() for part in text.split(_SEPARATORS[name]) if part.strip())
    if kind is Kind.INTEGER:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise UsageError(f"{text!r} is not a number")
        return int(text)
    return text
