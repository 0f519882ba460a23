"""GF103: several opset imports where the parser takes one."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class SeveralImports(Rule):
    """The model imports several opset domains, and has nodes without a domain.

    The parser of CANN up to 9.1 then cannot tell which version is meant, and stops (E16005). The
    other imports are mostly left over from exporters and optimisers: ``prune`` removes those that
    no node uses. Imports of ``ascend``, which graphfix uses for custom operators, do not count:
    lowering takes them out.
    """

    id = "GF103"
    title = "several opset imports"
    severity = Severity.ERROR
    citation = "hicann/ge 8.5.0: parser/parser/onnx/onnx_parser.cc"
    covers = ("O3",)

    def applies(self, profile: Profile) -> bool:
        """Later releases look each domain up by itself."""
        return not profile.several_imports

    def check(self, view: View) -> Iterator[Finding]:
        """The imports besides the default one."""
        extra = sorted(set(view.imports) - {*DEFAULT_DOMAIN, *view.lowered_domains})
        if not extra or not any(view.operators):
            return
        used = {node.domain for node in view.nodes}
        needed = [domain for domain in extra if domain in used]
        names = ", ".join(extra)
        yield self.finding(
            f"the model imports {names} besides ai.onnx; only one import may be there",
            *extra,
            remedy=None if needed else "prune",
            advice=f"replace the operators of {', '.join(needed)}" if needed else "",
        )
