"""Rules about the model file and the output."""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.finding import Finding, Severity

_LIMIT = 2_147_483_647


class ModelFile(Rule):
    """ATC reads one protobuf file of at most 2147483647 bytes; larger models need external data.

    A command that converts another file than the one that was checked is worth a look: commands in
    READMEs often name a file that no step before makes.
    """

    id = "GF410"
    title = "model-file"
    citation = "hicann/ge: parser/parser/common/acl_graph_parser_util.cc (kMaxFileSizeLimit)"

    def check(self, request: Request) -> Iterator[Finding]:
        """The size, then the name."""
        if request.model.size > _LIMIT:
            yield self.finding(
                f"{request.model.path.name} has {request.model.size} bytes, atc reads at most "
                f"{_LIMIT} (E13015)",
                "--model",
                advice="save it with external data",
            )
        model = request.text("model")
        if model is not None and PurePosixPath(model).name != request.model.path.name:
            yield self.finding(
                f"the command converts {PurePosixPath(model).name}, {request.model.path.name} "
                "was checked",
                "--model",
                severity=Severity.INFO,
                citation="the command itself",
            )


class OutputFile(Rule):
    """``--output`` is a file name; ``.om`` is added to it."""

    id = "GF411"
    title = "output-file"
    citation = "hicann/ge: api/atc/main_impl.cc (CheckFlags)"

    def check(self, request: Request) -> Iterator[Finding]:
        """The one path."""
        output = request.text("output")
        if output is None:
            return
        if output.endswith("/"):
            yield self.finding(
                f"--output={output} has no file name (E10022)", "--output", advice="add one"
            )
        elif os.path.isdir(request.folder / output):
            yield self.finding(
                f"--output={output} is a folder (E10022)", "--output", advice="add a file name"
            )
        elif output.endswith(".om"):
            yield self.finding(
                f"--output={output}: the file will be {output}.om",
                "--output",
                severity=Severity.INFO,
                advice="leave out .om",
            )
