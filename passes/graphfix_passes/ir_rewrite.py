"""The ``ir:rewrite`` pass: rules of onnxscript, which is an extra.

Its constant folding is left out, because it does not hold: it drops ``saturate`` of CastLike,
writes Unsqueeze of opset 13 into older models, and finds more when it runs again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.errors import PassError, ToolError, UsageError
from graphfix.library import library
from graphfix.rewrite import PassContext, PassResult
from graphfix.suggest import suggest
from graphfix_passes._ir_pass import IrPass

_OLDEST_OPSET = 11
"""The first one in which Gemm need not have a third input."""
_MOST_ROUNDS = 8


@dataclass(frozen=True, kw_only=True)
class Rewrite(IrPass):
    """Apply rewrite rules of onnxscript: its default ones, or those that are named.

    Why
        They fuse and simplify patterns that torch's exporter writes, and new releases bring more.

    Rewrites
        What the rules find, again until they find nothing more.

    Leaves alone
        Models of opsets below 11, for which the rules write operators in a form they do not have.

    Numerics
        Normalizations and factors that go into weights round differently.
    """

    name = "ir:rewrite"
    example = "ir:rewrite{rules=[transpose-transpose,matmul-add-to-gemm]}"
    contract = Close()
    reads_shapes = True

    rules: tuple[str, ...] = ()
    """Names in onnxscript.rewriter.rules.common without "_rule", such as matmul-add-to-gemm."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See :class:`IrPass`; models of old opsets are refused."""
        opset = model.opset_imports.get("", 1)
        if opset < _OLDEST_OPSET:
            raise PassError(
                f"the rules write operators of opset {_OLDEST_OPSET} and up, the model has "
                f"{opset}; put opset{{to={_OLDEST_OPSET}}} in front"
            )
        return super().run(model, context)

    def tool(self) -> Any:
        """See :class:`IrPass`.

        Raises:
            PassError: there is no such rule.
        """
        rewriter = _module("onnxscript.rewriter")
        if not self.rules:
            return _until_nothing_changes(rewriter.RewritePass(rewriter._DEFAULT_REWRITE_RULES))
        known = _rules()
        for name in self.rules:
            if name not in known:
                raise PassError(f"onnxscript has no rule {name!r}; {suggest(name, known)}")
        return _until_nothing_changes(*(rewriter.RewritePass(known[name]) for name in self.rules))


def _until_nothing_changes(*passes: Any) -> Any:
    """The rules leave what other rules take, such as Identities in place of Casts."""
    return ir.passes.PassManager(passes, steps=_MOST_ROUNDS, early_stop=True)


def _rules() -> Mapping[str, Any]:
    """Rules and sets of rules by name."""
    pattern = _module("onnxscript.rewriter.pattern")
    found: dict[str, Any] = {}
    for name, item in vars(_module("onnxscript.rewriter.rules.common")).items():
        words = name.removesuffix("_rules").removesuffix("_rule").replace("_", "-")
        if isinstance(item, pattern.RewriteRule):
            found[words] = [item]
        elif isinstance(item, pattern.RewriteRuleSet):
            found[words] = item
    return found


def _module(name: str) -> Any:
    try:
        return library(name, extra="onnxscript")
    except UsageError as error:
        raise ToolError(str(error)) from error
