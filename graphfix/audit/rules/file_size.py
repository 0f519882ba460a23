"""GF170: files that are too large."""

from collections.abc import Iterator
from typing import Final

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

MOST: Final = 2**31 - 1


class FileSize(Rule):
    """The .onnx file is larger than 2,147,483,647 bytes, or its weights are.

    The parser refuses larger files (E13015). Weights go into a file beside it (external data),
    which graphfix does by itself when it saves such a model. For the .om the same limit holds:
    ``--external_weight=1`` keeps the weights outside.
    """

    id = "GF170"
    title = "files over 2 GiB"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/common/acl_graph_parser_util.cc, GetFileLength"
    covers = ("L1", "L6")

    def check(self, view: View) -> Iterator[Finding]:
        """The file, then the weights."""
        size = view.path.stat().st_size if view.path is not None else 0
        if size > MOST:
            yield self.finding(
                f"the file has {size} bytes; the parser takes {MOST}",
                advice="save it with external data: any graphfix apply does",
            )
        weights = view.weight_bytes
        if weights > MOST:
            yield self.finding(
                f"the weights have {weights} bytes",
                severity=Severity.INFO,
                advice="convert with --external_weight=1, so that the .om stays small",
            )
