"""``lower`` and ``raise``: the same graph as ATC reads it, and as ONNX has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.dialect import (
    Change,
    Lowered,
    Report,
    SoftmaxReading,
    looks_like_dialect,
    lower,
    raise_dialect,
)
from graphfix.errors import DialectError, ModelError, NumericsError, UsageError
from graphfix.files import check_destination
from graphfix.model import check, load, save, to_proto
from graphfix.ops import OPERATORS, FunctionOperator, Operator
from graphfix.rewrite import PassResult
from graphfix.rewrite.restore import same_tensor
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.target import Profile
from graphfix.verify import Status, Verification, Verifier


@dataclass(frozen=True)
class LowerRequest:
    """What to lower. ``output=None`` means beside the model, as ``<stem>.atc.onnx``."""

    model: Path
    profile: Profile
    output: Path | None = None
    narrow: bool = False
    shapes: Sequence[str] = ()
    data: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class RaiseRequest:
    """What to raise. ``output=None`` means beside the file, as ``<stem>.raised.onnx``."""

    model: Path
    output: Path | None = None
    reading: SoftmaxReading = SoftmaxReading.ATC
    operators: Mapping[str, Operator] | None = None
    """Those of plugins, by the name that stands in the file."""


@dataclass(frozen=True)
class AtcFile:
    """The second file of ``apply``: the result as ATC of the target reads it."""

    target: str
    path: Path | None = None
    """``None`` when none was needed or could be made."""
    report: Report = field(default_factory=Report)
    verification: Verification | None = None
    why_not: str = ""
    """Why the result has no spelling for the target; empty when it has, or is spelled so."""
    older: Path | None = None
    """A file of that name which was there before and does not belong to the result."""
    model: ir.Model | None = field(default=None, repr=False, compare=False)
    """What is in the file, or would be; not in the JSON."""

    def lines(self) -> tuple[str, ...]:
        """What people should know of it."""
        older = (f"{self.older} is of an earlier run",) if self.older else ()
        if self.why_not:
            return (f"no file for ATC: {self.why_not}", *older)
        if not self.report.changes:
            same = f"the result is spelled as {self.target} reads it"
            return (same, *self.report.lines(), *older)
        return self.report.lines()

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "target": self.target,
            "file": str(self.path) if self.path else None,
            **self.report.to_dict(),
            "verification": self.verification.to_dict() if self.verification else None,
            "not_written_because": self.why_not,
            "older_file": str(self.older) if self.older else None,
        }


@dataclass(frozen=True)
class DialectReport:
    """What is spelled differently, how that was verified, and what was written."""

    source: Path
    target: str
    """Empty when a file was raised."""
    report: Report
    verification: Verification | None
    """Of a lowered model, raised again, against the model; ``None`` when the nodes are the same."""
    written: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "source": str(self.source),
            "target": self.target or None,
            **self.report.to_dict(),
            "verification": self.verification.to_dict() if self.verification else None,
            "written": [str(path) for path in self.written],
        }


def atc_file(path: Path) -> Path:
    """The file for ATC that belongs to a model: ``net.fixed.onnx`` has ``net.atc.onnx``."""
    return path.with_name(f"{path.stem.removesuffix('.fixed')}.atc.onnx")


def lower_file(request: LowerRequest) -> DialectReport:
    """Write the file for ATC, if raising it gives the model again.

    Raises:
        UsageError: a file or an option of the request is wrong.
        DialectError: nodes have no spelling for the target.
        NumericsError: what ATC would read computes something else.
        ModelError: the model cannot be read or written, or is written for ATC already.
    """
    output = request.output or atc_file(request.model)
    _check_output(output, request.model, request.output is not None)
    model = load(request.model)
    if looks_like_dialect(model):
        raise ModelError(
            f"{request.model}: is written for ATC already; 'graphfix raise' makes it ONNX"
        )
    check(model, node_names=False)
    verifier = Verifier(shapes=request.shapes, data=request.data, seed=request.seed)
    lowered = lower(model, request.profile, narrow=request.narrow)
    verification = verify(lowered, model, request.profile, verifier)
    written = save(lowered.model, output)
    return DialectReport(request.model, request.profile.name, lowered.report, verification, written)


def verify(
    lowered: Lowered, model: ir.Model, profile: Profile, verifier: Verifier
) -> Verification | None:
    """Raise what ATC would read again, and hold it against the model that it was made of.

    Nodes that are the same but for their names, and the same weights, prove it by themselves, and
    nothing is run.

    Raises:
        NumericsError: what ATC would read computes something else.
    """
    raised = raise_dialect(lowered.model, operators=_plain(lowered.model, model)).model
    if _nodes(raised) == _nodes(model) and _same_weights(raised, model):
        return None
    verifier.start(model)
    verification = verifier.check(PassResult(raised, Close()), before=lambda: model)
    if verification.status is Status.FAILED:
        raise NumericsError(
            f"the spelling for {profile.name} computes something else: {verification.reason}; "
            f"please report this with the model"
        )
    return verification


def second_file(
    model: ir.Model, profile: Profile, path: Path | None, verifier: Verifier | None
) -> AtcFile:
    """Write the result of ``apply`` for ATC where that is another file.

    ``path=None`` writes nothing, ``verifier=None`` runs nothing.

    Raises:
        ModelError: the file cannot be written.
    """
    older = path if path is not None and path.exists() else None
    try:
        lowered = lower(model, profile)
        verification = verify(lowered, model, profile, verifier) if verifier else None
    except (DialectError, NumericsError) as error:
        return AtcFile(profile.name, why_not=str(error), older=older)
    found = AtcFile(
        profile.name, None, lowered.report, verification, older=older, model=lowered.model
    )
    if not lowered.report.changes or path is None:
        return found
    save(lowered.model, path)
    return replace(found, path=path, older=None)


def _plain(lowered: ir.Model, model: ir.Model) -> dict[str, Operator]:
    """The functions of a model whose calls are plain nodes for ATC."""
    plain = {node.op_type for node in lowered.graph.all_nodes()} - set(OPERATORS)
    return {
        function.name: FunctionOperator(ir.serde.serialize_function(function))
        for function in model.functions.values()
        if function.name in plain
    }


def _nodes(model: ir.Model) -> list[onnx.NodeProto]:
    """The nodes as a file has them, without their names."""
    model = model.clone()
    for node in model.graph.all_nodes():
        node.name = None
    return list(to_proto(model, weights=False).graph.node)


def _same_weights(a: ir.Model, b: ir.Model) -> bool:
    """Whether initializers of the same name hold the same; untouched ones are one object."""
    ours, theirs = a.graph.initializers, b.graph.initializers
    return set(ours) == set(theirs) and all(
        same_tensor(value.const_value, theirs[name].const_value) for name, value in ours.items()
    )


def raise_file(request: RaiseRequest) -> DialectReport:
    """Write what a file for ATC is in valid ONNX.

    Raises:
        UsageError: a file of the request is wrong.
        DialectError: the meaning of nodes is not known.
        ModelError: the file cannot be read or written, or is no valid ONNX when it is raised.
    """
    stem = request.model.stem.removesuffix(".atc")
    output = request.output or request.model.with_name(f"{stem}.raised.onnx")
    _check_output(output, request.model, request.output is not None)
    raised = raise_dialect(
        load(request.model), softmax_reading=request.reading, operators=request.operators
    )
    check(raised.model, node_names=False)
    report = raised.report
    try:
        Session(raised.model)
    except NotRunnable as error:
        note = Change("", "", f"onnxruntime cannot load it: {' '.join(str(error).split())}")
        report = Report(report.changes, (*report.notes, note))
    return DialectReport(request.model, "", report, None, save(raised.model, output))


def runnable(path: Path) -> tuple[ir.Model, Report | None]:
    """The model in a file; one that is written for ATC is raised, and the report says how.

    Raises:
        UsageError: the file is missing.
        ModelError: it cannot be read or raised.
    """
    model = load(path)
    if not looks_like_dialect(model):
        return model, None
    raised = raise_dialect(model)
    return raised.model, raised.report


def _check_output(output: Path, model: Path, given: bool) -> None:
    check_destination(output, "-o" if given else "")
    if output.exists() and model.exists() and output.samefile(model):
        raise UsageError(f"-o {output} is the input itself; give another name")
