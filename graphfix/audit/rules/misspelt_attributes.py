"""GF333: attributes that nearly have the right name."""

import difflib
from collections.abc import Iterator
from typing import Final

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.ops import OPERATORS

_ALIKE: Final = 0.8
"""Of 1, by :mod:`difflib`: ``defomable_groups`` and ``deformable_groups`` have 0.97."""

_PASS: Final = {"defomable_groups": "deform-conv"}
"""What writes the attribute under its name."""


class MisspeltAttributes(Rule):
    """An attribute of an operator for ATC has a name that the operator does not know.

    ATC ignores what it does not know, without a message, and takes the default. PyTorch exports of
    deformable convolutions have ``defomable_groups`` in several published models. ONNX's own
    operators are not concerned: there the checker finds it.
    """

    id = "GF333"
    title = "misspelt attribute"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: deformable_conv2d_onnx_plugin.cpp"
    covers = ("DeformableConv2D/1", "G6")

    def check(self, view: View) -> Iterator[Finding]:
        """Unknown names close to one that is left out, with another value than its default."""
        for operator in OPERATORS.values():
            defaults = {each.name: each.default for each in operator.attributes}
            for node in view.of(operator.name):
                left_out = [name for name in defaults if name not in node.attributes]
                for name, attribute in node.attributes.items():
                    if name in defaults:
                        continue
                    meant = difflib.get_close_matches(name, left_out, n=1, cutoff=_ALIKE)
                    if meant and attribute.value != defaults[meant[0]]:
                        yield self.finding(
                            f"has {name} = {attribute.value}, which ATC ignores",
                            view.label(node),
                            remedy=_PASS.get(name),
                            advice=f"rename it to {meant[0]}",
                        )
