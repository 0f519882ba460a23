"""GF171: external data that ATC reads in another way."""

from collections.abc import Iterator

import onnx

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_READ = frozenset({"location", "offset", "length"})


class ExternalData(Rule):
    """Weights outside the file are described in a way that the parser misreads.

    It takes every key but ``location`` and ``offset`` for the length: a ``checksum`` that is no
    number stops it (E10001), one that is a number replaces the length. And only weights of the main
    graph are looked for beside the model; those inside the branches of an If are looked for in the
    folder where ATC is started. graphfix writes no checksums.
    """

    id = "GF171"
    title = "external data read wrongly"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_file_constant_parser.cc, SetPathAttr"
    covers = ("L4", "L5")

    def check(self, view: View) -> Iterator[Finding]:
        """The file as it is; a model with external data is small without them."""
        if view.path is None or not view.external:
            return
        graph = onnx.load(str(view.path), load_external_data=False).graph
        for tensor in _tensors(graph):
            strange = {entry.key for entry in tensor.external_data} - _READ
            if strange:
                yield self.finding(
                    f"its external data has {', '.join(sorted(strange))}, read as the length",
                    tensor.name,
                    advice="save the model again: graphfix apply writes no such key",
                )
        for node in graph.node:
            for attribute in node.attribute:
                for tensor in _tensors(attribute.g):
                    if tensor.external_data:
                        yield self.finding(
                            f"inside {node.name or node.op_type}: its data are looked for in the "
                            f"working folder",
                            tensor.name,
                            advice="start ATC in the folder of the model",
                        )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
