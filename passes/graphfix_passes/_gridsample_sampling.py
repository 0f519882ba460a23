"""What a GridSample computes: its three attributes, read from and written to nodes."""

import enum
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip


class Interpolation(enum.Enum):
    """How neighbouring pixels are mixed; in five dimensions bilinear means trilinear."""

    BILINEAR = "bilinear"
    NEAREST = "nearest"
    BICUBIC = "bicubic"


class Padding(enum.Enum):
    """What lies outside the picture."""

    ZEROS = "zeros"
    BORDER = "border"
    REFLECTION = "reflection"


# Opset 20 renamed two of the three modes. paddle2onnx 2.1 writes the old names at opset 20, which
# onnxruntime refuses, so both are read at every opset.
_SPELLINGS = {
    "bilinear": Interpolation.BILINEAR,
    "linear": Interpolation.BILINEAR,
    "nearest": Interpolation.NEAREST,
    "bicubic": Interpolation.BICUBIC,
    "cubic": Interpolation.BICUBIC,
}
_OPSET_20 = {Interpolation.BILINEAR: "linear", Interpolation.BICUBIC: "cubic"}


@dataclass(frozen=True)
class Sampling:
    """The attributes of a GridSample."""

    interpolation: Interpolation
    padding: Padding
    align_corners: bool

    def __str__(self) -> str:
        corners = int(self.align_corners)
        return f"{self.interpolation.value}, {self.padding.value}, align_corners={corners}"

    def attributes(self, opset: int) -> dict[str, str | int]:
        """The three attributes as the operator spells them at ``opset``, none left to a default.

        ATC reads an absent ``mode`` or ``padding_mode`` as an empty string.
        """
        mode = self.interpolation.value
        if opset >= 20:
            mode = _OPSET_20.get(self.interpolation, mode)
        return {
            "mode": mode,
            "padding_mode": self.padding.value,
            "align_corners": int(self.align_corners),
        }


def read_sampling(node: ir.Node, rw: Rewriter) -> Sampling | Skip:
    """The attributes of a GridSample node, with ONNX's defaults for absent ones."""
    mode = rw.attr_str(node, "mode", "bilinear")
    padding = rw.attr_str(node, "padding_mode", "zeros")
    if mode not in _SPELLINGS:
        return rw.skip(f"mode is {mode!r}, which ONNX does not define")
    if padding not in {item.value for item in Padding}:
        return rw.skip(f"padding_mode is {padding!r}, which ONNX does not define")
    corners = rw.attr_int(node, "align_corners", 0) != 0
    return Sampling(_SPELLINGS[mode], Padding(padding), corners)
