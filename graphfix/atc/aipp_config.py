"""AIPP configuration files: ATC's protobuf text, read without the protobuf.

Source: hicann/ge: the message ``domi.InsertNewOps``; the documentation of ``--insert_op_conf``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class FieldKind(Enum):
    """What a field takes."""

    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    NAME = "a name"
    TEXT = "a text in quotes"


_WORD: Final = {
    FieldKind.INTEGER: re.compile(r"[-+]?[0-9]{1,18}"),
    FieldKind.NUMBER: re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?f?"),
    FieldKind.BOOLEAN: re.compile(r"true|false|True|False|t|f|0|1"),
    FieldKind.NAME: re.compile(r"\w+"),
    FieldKind.TEXT: re.compile(r"""(["']).*\1"""),
}

FIELDS: Final[Mapping[str, FieldKind]] = {
    **dict.fromkeys(("aipp_mode", "input_format"), FieldKind.NAME),
    "related_input_name": FieldKind.TEXT,
    **dict.fromkeys(
        (
            "csc_switch", "rbuv_swap_switch", "ax_swap_switch", "single_line_mode", "crop",
            "resize", "padding", "support_rotation",
        ),
        FieldKind.BOOLEAN,
    ),
    **dict.fromkeys(
        (
            "related_input_rank", "input_edge_idx", "max_src_image_size",
            "src_image_size_w", "src_image_size_h", "load_start_pos_w", "load_start_pos_h",
            "crop_size_w", "crop_size_h", "resize_input_w", "resize_input_h", "resize_output_w",
            "resize_output_h", "left_padding_size", "right_padding_size", "top_padding_size",
            "bottom_padding_size", "raw_rgbir_to_f16_n",
            *(f"mean_chn_{c}" for c in range(4)),
            *(f"matrix_r{r}c{c}" for r in range(3) for c in range(3)),
            *(f"{side}_bias_{c}" for side in ("input", "output") for c in range(3)),
        ),
        FieldKind.INTEGER,
    ),
    **dict.fromkeys(
        (
            "cpadding_value", "padding_value",
            *(f"{name}_chn_{c}" for name in ("min", "var_reci") for c in range(4)),
        ),
        FieldKind.NUMBER,
    ),
}  # fmt: skip

INPUT_FORMATS: Final = (
    "YUV420SP_U8", "XRGB8888_U8", "RGB888_U8", "YUV400_U8", "NC1HWC0DI_FP16", "NC1HWC0DI_S8",
    "ARGB8888_U8", "YUYV_U8", "YUV422SP_U8", "AYUV444_U8", "RAW10", "RAW12", "RAW16", "RAW24",
    "RGB16", "RGB20", "RGB24", "RGB8_IR", "RGB16_IR", "RGB24_IR",
)  # fmt: skip


@dataclass(frozen=True)
class AippOp:
    """One ``aipp_op``: the preprocessing of one input. Fields as they are written."""

    fields: Mapping[str, str]
    line: int

    def text(self, name: str) -> str:
        """A field without quotes, empty where it is not given."""
        return self.fields.get(name, "").strip("\"'")

    def integer(self, name: str) -> int:
        """A field as a number, 0 (the default of the protobuf) where it is not given."""
        text = self.text(name)
        return int(text) if _WORD[FieldKind.INTEGER].fullmatch(text) else 0

    def switch(self, name: str) -> bool:
        """A field as a switch, off where it is not given."""
        return self.text(name) in ("true", "True", "t", "1")

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Height and width of what static AIPP makes; none where the file leaves it open."""
        height, width = self.integer("src_image_size_h"), self.integer("src_image_size_w")
        if self.switch("crop"):
            height = self.integer("crop_size_h") or height
            width = self.integer("crop_size_w") or width
        if self.switch("resize"):
            height = self.integer("resize_output_h") or height
            width = self.integer("resize_output_w") or width
        if self.switch("padding"):
            height += self.integer("top_padding_size") + self.integer("bottom_padding_size")
            width += self.integer("left_padding_size") + self.integer("right_padding_size")
        return (height, width) if height and width else None


@dataclass(frozen=True)
class AippConfig:
    """A file; ``problems`` are what ATC could not read."""

    ops: tuple[AippOp, ...]
    problems: tuple[str, ...] = ()


_TOKEN: Final = re.compile(
    r"""\s*(?:#[^\n]*|(?P<word>"[^"\n]*"|'[^'\n]*'|[\w.+-]+)|(?P<sign>\S))"""
)


def parse_aipp(text: str) -> AippConfig:
    """Read protobuf text; what is wrong is in ``problems``, with its line."""
    tokens = list(_tokens(text))
    ops: list[AippOp] = []
    problems: list[str] = []
    at = 0
    while at < len(tokens):
        word, line = tokens[at]
        rest = [token for token, _ in tokens[at + 1 : at + 3]]
        opens = 1 + rest.index("{") if "{" in rest and rest[0] in "{:" else 0
        if not opens:
            problems.append(f"line {line}: {word!r} stands outside of aipp_op {{ … }}")
            break
        end = next((k for k in range(at + opens, len(tokens)) if tokens[k][0] == "}"), None)
        if end is None:
            problems.append(f"line {line}: {word} {{ is not closed")
            end = len(tokens)
        if word == "aipp_op":
            ops.append(_op(tokens[at + opens + 1 : end], line, problems))
        else:
            problems.append(f"line {line}: {word!r} is not aipp_op")
        at = end + 1
    if not ops and not problems:
        problems.append("there is no aipp_op in it")
    return AippConfig(tuple(ops), tuple(problems))


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    at = 0
    while match := _TOKEN.match(text, at):
        token = match["word"] or match["sign"]
        line += text.count("\n", at, match.end() - len(token or ""))
        at = match.end()
        if token and token not in ",;":
            yield token, line


def _op(tokens: list[tuple[str, int]], start: int, problems: list[str]) -> AippOp:
    fields: dict[str, str] = {}
    at = 0
    while at < len(tokens):
        name, line = tokens[at]
        if at + 2 >= len(tokens) or tokens[at + 1][0] != ":":
            sign = tokens[at + 1][0] if at + 1 < len(tokens) else "nothing"
            hint = "; it is a full-width colon" if sign == "：" or "：" in name else ""
            problems.append(f"line {line}: {name!r} is followed by {sign!r}, not by ':'{hint}")
            return AippOp(fields, start)
        value = tokens[at + 2][0]
        kind = FIELDS.get(name)
        if kind is None:
            problems.append(f"line {line}: AIPP has no field {name!r}")
        elif not _WORD[kind].fullmatch(value):
            problems.append(f"line {line}: {name} takes {kind.value}, not {value}")
        elif name in fields:
            problems.append(f"line {line}: {name} is given twice")
        fields[name] = value
        at += 3
    return AippOp(fields, start)
