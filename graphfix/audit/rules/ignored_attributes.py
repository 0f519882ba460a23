"""GF399: attributes that ATC does not read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


@dataclass(frozen=True)
class _Ignored:
    """An attribute that a plugin does not look at."""

    name: str
    default: float
    """What ATC computes with; for a list, of each element."""
    citation: str
    last: str = "development"
    """The last release that ignores it."""


_GEMM: Final = "canndev 2022-06-30: framework/onnx_plugin/gemm_plugin.cc"
_LP_POOL: Final = "hicann/ops-nn: lppool_onnx_plugin.cpp"
_IGNORED: Final = {
    "BatchNormalization": (
        _Ignored("spatial", 1, "hicann/ops-nn: batch_normalization_onnx_plugin.cpp"),
    ),
    "Gemm": (_Ignored("alpha", 1.0, _GEMM, "6.0"), _Ignored("beta", 1.0, _GEMM, "6.0")),
    "LpPool": (_Ignored("ceil_mode", 0, _LP_POOL), _Ignored("dilations", 1, _LP_POOL)),
}
"""What no rule of its own is about."""


class IgnoredAttributes(NodeRule):
    """An attribute has a value other than its default, and ATC's plugin does not read it.

    There is no message, and the model computes with the default: no statistics per element in a
    BatchNormalization (``spatial`` 0), no factors of a Gemm up to CANN 6.0, no rounding up and no
    dilations in an LpPool. Write what it does as nodes of its own.
    """

    id = "GF399"
    title = "ignored attribute"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: the plugin of the operator"
    covers = ("G6", "BatchNormalization/1", "Gemm/1", "LpPool/2")
    op_types = tuple(_IGNORED)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Values that are not the default."""
        for ignored in _IGNORED[node.op_type]:
            attribute = node.attributes.get(ignored.name)
            value = None if attribute is None or attribute.is_ref() else attribute.value
            listed = list(value) if isinstance(value, Sequence) else [value]
            if value is None or all(item == ignored.default for item in listed):
                continue
            if between(view.profile, "5.1", ignored.last):
                yield self.finding(
                    f"has {ignored.name} {', '.join(map(str, listed))}, which ATC ignores",
                    view.label(node),
                    advice="write its effect as nodes of its own",
                    citation=ignored.citation,
                )
