"""Compare two models by their numbers: the same inputs, output by output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir as ir

from graphfix.contract import Close, Interface
from graphfix.dialect import Report
from graphfix.errors import UsageError
from graphfix.rewrite import PassResult
from graphfix.stages.dialect import runnable
from graphfix.verify import Verification, Verifier


@dataclass(frozen=True)
class CompareRequest:
    """What to compare. ``rtol`` and ``atol`` replace the tolerance of the dtype when given."""

    a: Path
    b: Path
    output_map: Sequence[str] = ()
    shapes: Sequence[str] = ()
    data: Path | None = None
    seed: int = 0
    rtol: float | None = None
    atol: float | None = None


@dataclass(frozen=True)
class CompareReport:
    """The verdict, and which names of ``b`` were taken for which of ``a``."""

    verification: Verification
    outputs: Mapping[str, str]
    inputs: Mapping[str, str]
    raised: Mapping[str, Report] = field(default_factory=dict)
    """Files that are written for ATC and were raised to be run, and what that took."""

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "equal": self.verification.passed,
            "output_map": dict(self.outputs),
            "input_map": dict(self.inputs),
            "raised": {name: report.to_dict() for name, report in self.raised.items()},
            **self.verification.to_dict(),
        }


def compare(request: CompareRequest) -> CompareReport:
    """Run both models on the same seeded or given inputs and compare every output of ``b``.

    A file that is written for ATC is raised first. Names that differ are matched by ``output_map``
    (which may name any value of ``a``), else by position when the numbers of inputs or outputs
    agree.

    Raises:
        UsageError: the map does not fit, or names differ and nothing says how.
        ModelError: a model cannot be read.
    """
    (a, of_a), (b, of_b) = runnable(request.a), runnable(request.b)
    outputs = _match(
        "output", _names(b.graph.outputs), _names(a.graph.outputs), _pairs(request.output_map, a, b)
    )
    inputs = _match("input", _required(b), _required(a), {})
    verifier = Verifier(shapes=request.shapes, data=request.data, seed=request.seed)
    verifier.start(a)
    contract = Interface(outputs, inputs, Close(request.rtol, request.atol))
    verification = verifier.check(PassResult(b, contract), before=lambda: a)
    reports = {str(request.a): of_a, str(request.b): of_b}
    raised = {name: report for name, report in reports.items() if report is not None}
    return CompareReport(verification, outputs, inputs, raised)


def _names(values: Sequence[ir.Value]) -> list[str]:
    return [value.name or "" for value in values]


def _required(model: ir.Model) -> list[str]:
    return [value.name or "" for value in model.graph.inputs if not value.is_initializer()]


def _pairs(texts: Sequence[str], a: ir.Model, b: ir.Model) -> dict[str, str]:
    """Read ``b_name=a_name``; either name may itself hold ``=``."""
    known_b = set(_names(b.graph.outputs))
    known_a = set(_names(a.graph.outputs)) | {
        out.name or "" for node in a.graph for out in node.outputs
    }
    pairs: dict[str, str] = {}
    for text in texts:
        cuts = [k for k, letter in enumerate(text) if letter == "="]
        found = [(text[:k], text[k + 1 :]) for k in cuts]
        fitting = [(left, right) for left, right in found if left in known_b and right in known_a]
        if not fitting:
            raise UsageError(
                f"--map {text!r}: write OUTPUT_OF_B=VALUE_OF_A; outputs of B: "
                f"{', '.join(sorted(known_b))}; outputs of A: {', '.join(_names(a.graph.outputs))}"
            )
        pairs.update(fitting[:1])
    return pairs


def _match(
    kind: str, names_b: list[str], names_a: list[str], given: Mapping[str, str]
) -> dict[str, str]:
    if given:
        return dict(given)
    if set(names_b) == set(names_a):
        return {name: name for name in names_b}
    if len(names_b) == len(names_a):
        return dict(zip(names_b, names_a, strict=True))
    hint = "; say which belong together with --map B=A" if kind == "output" else ""
    raise UsageError(
        f"the models have different {kind}s: {', '.join(names_a) or 'none'} in A, "
        f"{', '.join(names_b) or 'none'} in B{hint}"
    )
