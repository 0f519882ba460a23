"""GF104: a domain that is not imported."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity


class MissingImport(Rule):
    """A node has a domain that the model does not import.

    The parser asks the imports for the version of every node's domain and stops where there is none
    (E19999). The file is no valid ONNX either: add the import.
    """

    id = "GF104"
    title = "domain without an import"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, AdapterOpType"
    covers = ("O4",)

    def check(self, view: View) -> Iterator[Finding]:
        """Domains of nodes, each with all of its nodes."""
        imported = {*view.imports, *view.lowered_domains}
        if imported & set(DEFAULT_DOMAIN):
            imported.update(DEFAULT_DOMAIN)
        missing = dict.fromkeys(n.domain for n in view.nodes if n.domain not in imported)
        for domain in missing:
            yield self.finding(
                f"the model does not import {domain or 'ai.onnx'}",
                *view.labels(node for node in view.nodes if node.domain == domain),
                advice="add the import with the version the operators are written for",
            )
