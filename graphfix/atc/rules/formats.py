"""Rules about the format of inputs, the outputs, and their types."""

import re
from collections.abc import Iterator
from typing import Final

from graphfix.atc.request import Request
from graphfix.atc.rule import Rule
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

_OMG: Final = "hicann/ge: api/atc/omg.cc"
_OLD_TYPES: Final = frozenset({"FP32", "FP16", "UINT8", "INT8"})
_TYPES: Final = _OLD_TYPES | {"HIF8", "HIF4", "FP8E5M2", "FP8E4M3FN"}


class InputFormat(Rule):
    """``--input_format`` of an ONNX model is NCHW (the default), ND or NCDHW, in capitals."""

    id = "GF440"
    title = "input-format"
    citation = "hicann/ge: compiler/api/aclgrph/option_utils.h"

    def check(self, request: Request) -> Iterator[Finding]:
        """The one value."""
        format = request.text("input_format")
        if format is None:
            return
        if format not in ("NCHW", "ND", "NCDHW"):
            yield self.finding(
                f"--input_format={format} is not taken for ONNX (E10001)",
                "--input_format",
                advice="write NCHW, ND or NCDHW; it says what the dims of the inputs mean, and "
                "converts nothing",
            )
        elif format == "ND" and request.has("insert_op_conf"):
            yield self.finding(
                "AIPP needs --input_format=NCHW",
                "--input_format",
                "--insert_op_conf",
                evidence=Evidence.DOC,
                citation="docs/zh/user_guides/atc_tools/CLI_options/--insert_op_conf.md",
            )


class OutNodes(Rule):
    """``--out_nodes`` holds ``node:index`` throughout, or names of output tensors throughout.

    It is split at ``;`` and then at ``:``, so that a node whose name holds one of them cannot be
    given, and a tensor ``output:0`` is read as output 0 of the node ``output``. Tensor names must
    be outputs of the graph.
    """

    id = "GF441"
    title = "out-nodes"
    citation = f"{_OMG} (ParseOutNodes); parser/parser/onnx/onnx_parser.cc (SetOutputsInfo)"

    def check(self, request: Request) -> Iterator[Finding]:
        """Entries in their order."""
        text = request.text("out_nodes")
        if text is None:
            return
        flag = "--out_nodes"
        entries = [entry.strip() for entry in text.split(";") if entry.strip()]
        pairs = [":" in entry for entry in entries]
        if any(pairs) and not all(pairs):
            yield self.finding(
                f"{flag} mixes node:index and tensor names (E10001)", flag, advice="use one form"
            )
        for entry in entries:
            parts = entry.split(":")
            if len(parts) > 2:
                yield self.finding(
                    f"{flag}: {entry!r} has more than one ':' (E10001)",
                    entry,
                    advice="rename the node, or give the output tensor if its name has no ':'",
                )
            elif len(parts) == 1 and entry not in request.model.outputs:
                node = entry in request.model.node_outputs
                yield self.finding(
                    f"{flag}: {entry!r} is not an output of the graph (E19999)",
                    entry,
                    advice=f"it is a node; write {entry}:0"
                    if node
                    else "outputs are: " + ", ".join(request.model.outputs),
                )
            elif len(parts) == 2:
                yield from self._pair(request, entry, *parts)

    def _pair(self, request: Request, entry: str, node: str, index: str) -> Iterator[Finding]:
        outputs = request.model.node_outputs.get(node)
        if entry in request.model.outputs and outputs is None:
            yield self.finding(
                f"--out_nodes: atc reads the tensor {entry!r} as output {index} of a node {node!r} "
                "(E10016)",
                entry,
                advice="rename the output so that it has no ':'",
            )
        elif outputs is None:
            advice = ""
            if node in request.model.outputs:
                advice = f"it is an output tensor; write {node} alone"
            elif node in request.model.inner_nodes:
                advice = "it is inside an If, only nodes of the main graph can be named"
            yield self.finding(
                f"--out_nodes: the model has no node {node!r} (E10016)", entry, advice=advice
            )
        elif not re.fullmatch(r"[0-9]{1,9}", index):
            yield self.finding(
                f"--out_nodes: {entry!r} has no number after the colon (E10001)", entry
            )
        elif int(index) >= outputs:
            yield self.finding(
                f"--out_nodes: {node!r} has {outputs} outputs, there is no number {index} (E10003)",
                entry,
            )


class OutputType(Rule):
    """``--output_type`` is one type for all outputs, or ``node:index:type`` for some.

    Each ``node:index`` must be in ``--out_nodes`` too. The help text of ATC lists types that it
    does not take.
    """

    id = "GF442"
    title = "output-type"
    citation = _OMG

    def check(self, request: Request) -> Iterator[Finding]:
        """Entries in their order."""
        text = request.text("output_type")
        if text is None:
            return
        flag = "--output_type"
        types = _TYPES if request.cann in ("8.5", "9.0", "9.1", "development") else _OLD_TYPES
        named = {
            entry.strip() for entry in (request.text("out_nodes") or "").split(";") if entry.strip()
        }
        for entry in (part.strip() for part in text.split(";") if part.strip()):
            node, _, type_ = entry.rpartition(":")
            if type_ not in types:
                yield self.finding(
                    f"{flag}: {type_!r} is not a type it takes (E10001)",
                    flag,
                    advice=f"one of: {', '.join(sorted(types))}",
                )
            elif node and node not in named:
                yield self.finding(
                    f"{flag}: {node!r} is not in --out_nodes (E10001)",
                    entry,
                    advice=f"add {node} to --out_nodes",
                )


class HalfInputs(Rule):
    """``--input_fp16_nodes`` names inputs, and not one that AIPP feeds.

    ``--is_input_adjust_hw_layout`` has one ``true`` or ``false`` for each of them.
    """

    id = "GF443"
    title = "half-inputs"
    citation = _OMG

    def check(self, request: Request) -> Iterator[Finding]:
        """Names in their order, then the counts."""
        text = request.text("input_fp16_nodes") or ""
        names = [name.strip() for name in text.split(";") if name.strip()]
        known = [value.name for value in request.model.inputs]
        for name in names:
            if name not in known:
                yield self.finding(
                    f"--input_fp16_nodes: the model has no input {name!r} (E10016)",
                    name,
                    advice=f"its inputs are: {', '.join(known) or 'none'}",
                )
        yield from _layout(self, request, "is_input_adjust_hw_layout", "input_fp16_nodes", names)


class OutputLayout(Rule):
    """``--is_output_adjust_hw_layout`` has one ``true`` or ``false`` for each output node."""

    id = "GF444"
    title = "output-layout"
    citation = _OMG

    def check(self, request: Request) -> Iterator[Finding]:
        """The counts."""
        text = request.text("out_nodes") or ""
        names = [name for name in text.split(";") if name.strip()]
        yield from _layout(self, request, "is_output_adjust_hw_layout", "out_nodes", names)


def _layout(
    rule: Rule, request: Request, flag: str, partner: str, names: list[str]
) -> Iterator[Finding]:
    text = request.text(flag)
    if text is None or (request.has(partner) and request.text(partner) is None):
        return
    choices = [choice.strip() for choice in text.split(",")]
    wrong = [choice for choice in choices if choice not in ("true", "false")]
    if wrong:
        yield rule.finding(f"--{flag} takes true and false, not {wrong[0]!r}", f"--{flag}")
    elif len(choices) != len(names):
        yield rule.finding(
            f"--{flag} has {len(choices)} values, --{partner} has {len(names)}",
            f"--{flag}",
            f"--{partner}",
            severity=Severity.ERROR if names else Severity.WRONG,
            evidence=Evidence.DOC,
            citation=f"docs/zh/user_guides/atc_tools/CLI_options/--{flag}.md",
        )
