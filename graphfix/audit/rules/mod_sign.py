"""GF340: Mod of negative integers."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from graphfix.audit.reading import computed, from_shapes, integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ModSign(NodeRule):
    """A Mod has ``fmod`` 0, and may see a negative number.

    ATC's plugin does not read ``fmod``, and the kernel truncates the quotient: the remainder has
    the sign of the dividend, which is what ``fmod`` 1 asks for. ONNX without it gives the sign of
    the divisor. ``mod`` writes ``fmod`` 1 and mends the sign.
    """

    id = "GF340"
    title = "sign of Mod"
    severity = Severity.INFO
    citation = "hicann/ops-math: mod_onnx_plugin.cpp; canndev 2022-06-30: tbe/impl/mod.py"
    covers = ("Mod/1",)
    op_types = ("Mod",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Signed integers, unless both are constants of the same sign, or sizes."""
        values = [view.input(node, index) for index in (0, 1)]
        dtype = next((v.dtype for v in values if v is not None and v.dtype is not None), None)
        if integer(node, "fmod", 0) == 1 or dtype is None or not dtype.is_signed():
            return
        constants = [view.constant(value) for value in values]
        signs = [None if array is None else _sign(array) for array in constants]
        of_sizes = any(map(computed, values)) and all(
            value is None or not computed(value) or from_shapes(value) for value in values
        )
        if not of_sizes and (None in signs or signs[0] != signs[1]):
            yield self.finding(
                "has fmod 0; where the signs differ, ATC's remainder has that of the dividend",
                view.label(node),
                remedy="mod",
            )


def _sign(array: np.ndarray) -> bool | None:
    """Whether all are negative; ``None`` when some are and some are not."""
    negative = array < 0
    return bool(negative.any()) if negative.all() or not negative.any() else None
