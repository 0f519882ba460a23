"""``gridsample``: GridSample in operators every target has, and its stand-ins made real."""

import enum
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._gridsample_decompose import decompose
from graphfix_passes._gridsample_sampling import read_sampling


class Mode(enum.Enum):
    """What to do with the sampling that is found."""

    AUTO = "auto"
    DECOMPOSE = "decompose"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class GridSample(RewritePass):
    """Replace GridSample by index arithmetic and Gather."""

    name = "gridsample"
    match_ops = ("GridSample",)
    match_domains = ("", "ai.onnx", "com.microsoft")

    mode: Mode = Mode.AUTO

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """See the class."""
        sampling = read_sampling(node, rw)
        if isinstance(sampling, Skip):
            return sampling
        image, grid = node.inputs
        assert image is not None
        assert grid is not None
        return decompose(image, grid, node.outputs[0], sampling, rw)
