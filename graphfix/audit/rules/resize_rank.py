"""GF207: Resize of data that are no images."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import rank
from graphfix.audit.resizing import resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_VOLUMES = ("align_corners", "pytorch_half_pixel")
_REMEDIES = {3: "resize1d-to-resize2d", 5: "resize3d-split"}
_ALONE = (*_VOLUMES, "asymmetric", "half_pixel")
"""Coordinates of one axis that do not depend on the others."""
_ADVICE = "make the data four dims with Reshape, resize, and shape them back"


class ResizeRank(NodeRule):
    """Nearest Resize is for images of four dims only, volumes have linear Resize only.

    In nearest mode ATC takes the third and the fourth size for height and width, whatever the
    number of dims: data of three dims have no fourth one, those of five lose the last. The
    documentation allows five dims for linear with align_corners or pytorch_half_pixel. Of three,
    as for sound, it says nothing, and the description of GE's operator asks for four.
    ``resize1d-to-resize2d`` and ``resize3d-split`` make it four.
    """

    id = "GF207"
    title = "Resize of other than four dims"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, CreateSliceForResize"
    covers = ("Resize/9",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The rank of the data against mode and coordinates."""
        dims = rank(view.input(node, 0))
        what = resizing(node, view)
        separable = what.mode in ("linear", "nearest") and what.coordinates in _ALONE
        remedy = _REMEDIES.get(dims or 0) if separable else None
        if what.mode == "nearest" and dims not in (4, None):
            yield self.finding(
                f"resizes {dims} dims in nearest mode, and ATC resizes dims 2 and 3 of 4",
                view.label(node),
                remedy=remedy,
                advice="" if remedy else _ADVICE,
            )
        elif dims == 5 and (what.mode != "linear" or what.coordinates not in _VOLUMES):
            yield self.finding(
                f"resizes 5 dims with mode={what.mode} and {what.coordinates}, and only linear "
                f"with {' or '.join(_VOLUMES)} is documented",
                view.label(node),
                remedy="resize-canonical" if what.coordinates == "half_pixel" else remedy,
                advice="" if remedy else "export with pytorch_half_pixel or align_corners",
                evidence=Evidence.DOC,
                citation="documentation of ONNX operators, page 09_0131",
            )
        elif dims not in (4, 5, None):
            yield self.finding(
                f"resizes {dims} dims, and GE's Resize is described for 4",
                view.label(node),
                remedy=remedy,
                advice="" if remedy else _ADVICE,
                severity=Severity.INFO,
                evidence=Evidence.DOC,
                citation="GE operator headers: image_ops.h, REG_OP(Resize)",
            )
