"""``audit``: what the target of a model will refuse, change silently, or run slowly."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from graphfix.audit import Audit, Rule, audit
from graphfix.errors import ModelError, PipelineError, UsageError
from graphfix.files import write_file
from graphfix.finding import Finding, Severity
from graphfix.model import infer_shapes, load
from graphfix.pipeline import parse
from graphfix.plugins import Registry
from graphfix.target import Profile, load_profile


@dataclass(frozen=True)
class AuditRequest:
    """What to look at, for which target, and what to leave out."""

    model: Path
    target: str
    cann: str
    target_files: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    """Rules to run, by id or the beginning of one; all when empty."""
    ignore: tuple[str, ...] = ()
    baseline: Path | None = None
    """Findings that are known and not shown again."""


@dataclass(frozen=True)
class AuditReport:
    """What was found, and how to go on."""

    model: str
    target: str
    audit: Audit
    known: int = 0
    """Findings left out because the baseline has them."""
    notes: tuple[str, ...] = ()
    missing: frozenset[str] = field(default=frozenset())
    """Remedies that need a pass nobody offers."""

    @property
    def counts(self) -> Mapping[Severity, int]:
        """Findings by severity, worst first; only those there are."""
        count = Counter(finding.severity for finding in self.audit.findings)
        return {severity: count[severity] for severity in Severity if count[severity]}

    @property
    def pipeline(self) -> tuple[str, ...]:
        """The passes that remove findings, in the order of the findings, each once."""
        remedies = (f.remedy for f in self.audit.findings if f.remedy)
        return tuple(dict.fromkeys(r for r in remedies if r not in self.missing))

    @property
    def summary(self) -> str:
        """One line: fit or not, and how many findings of each kind."""
        counts = ", ".join(f"{n} {severity.value}" for severity, n in self.counts.items())
        state = "fit" if self.audit.fit else "not fit"
        known = f"; {self.known} known from the baseline" if self.known else ""
        return f"{state} for {self.target}: {counts or 'nothing found'}{known}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "target": self.target,
            "fit": self.audit.fit,
            "counts": {severity.value: n for severity, n in self.counts.items()},
            "findings": [
                {**finding.to_dict(), "available": finding.remedy not in self.missing}
                if finding.remedy
                else finding.to_dict()
                for finding in self.audit.findings
            ],
            "passes": list(self.pipeline),
            "known": self.known,
            "rules": list(self.audit.checked),
            "broken": list(self.audit.broken),
            "notes": list(self.notes),
        }


def run(request: AuditRequest, registry: Registry) -> AuditReport:
    """Audit a model file.

    Raises:
        UsageError: a file is missing, a target or rule is unknown, a baseline cannot be read.
        ModelError: the file holds no model.
    """
    profile = load_profile(request.target, request.cann, request.target_files)
    rules = choose(registry.rules(), request.select, request.ignore)
    known = read_baseline(request.baseline) if request.baseline is not None else {}
    model = load(request.model)
    return look(model, profile, rules, registry, path=request.model, known=known)


def look(
    model: ir.Model,
    profile: Profile,
    rules: Iterable[Rule],
    registry: Registry,
    path: Path | None = None,
    known: Mapping[str, frozenset[str]] | None = None,
) -> AuditReport:
    """Audit a model in memory; its shapes are inferred in place."""
    notes = []
    try:
        infer_shapes(model)
    except ModelError as error:
        notes.append(f"shapes are only those the file says: {error}")
    found = audit(model, profile, rules, path)
    new = tuple(f for f in found.findings if not _is_known(f, known or {}))
    return AuditReport(
        path.name if path is not None else (model.graph.name or "model"),
        profile.name,
        replace(found, findings=new),
        len(found.findings) - len(new),
        tuple(notes),
        frozenset(r for r in {f.remedy for f in new if f.remedy} if not _offered(r, registry)),
    )


def choose(
    rules: Mapping[str, Rule], select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """The rules whose id begins with one of ``select`` and with none of ``ignore``.

    Raises:
        UsageError: a text is the beginning of no rule.
    """
    for option, texts in (("--select", select), ("--ignore", ignore)):
        for text in texts:
            if not text or not any(id_.startswith(text.upper()) for id_ in rules):
                raise UsageError(f"{option} {text}: no rule begins so; they are like GF101, GF2")
    wanted = tuple(text.upper() for text in select) or ("",)
    left_out = tuple(text.upper() for text in ignore)
    return tuple(
        rule
        for id_, rule in rules.items()
        if id_.startswith(wanted) and not (left_out and id_.startswith(left_out))
    )


def read_baseline(path: Path) -> Mapping[str, frozenset[str]]:
    """The nodes that are known to be found, by rule.

    Raises:
        UsageError: the file cannot be read or is no baseline.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--baseline {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--baseline {path}: is not JSON: {error}") from error
    known = document.get("known") if isinstance(document, dict) else None
    if not isinstance(known, dict) or not all(
        isinstance(nodes, list) and all(isinstance(node, str) for node in nodes)
        for nodes in known.values()
    ):
        raise UsageError(f"--baseline {path}: is no baseline; make one with --write-baseline")
    return {rule: frozenset(nodes) for rule, nodes in known.items()}


def write_baseline(report: AuditReport, path: Path) -> None:
    """Write what was found as known; UsageError when the file cannot be written."""
    known: dict[str, set[str]] = {}
    for finding in report.audit.findings:
        known.setdefault(finding.rule, set()).update(_where(finding))
    document = {"known": {rule: sorted(nodes) for rule, nodes in sorted(known.items())}}
    write_file(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n", "--write-baseline")


def _where(finding: Finding) -> tuple[str, ...]:
    return finding.nodes or ("",)


def _is_known(finding: Finding, known: Mapping[str, frozenset[str]]) -> bool:
    return finding.rule in known and known[finding.rule].issuperset(_where(finding))


def _offered(remedy: str, registry: Registry) -> bool:
    try:
        parse(remedy, registry)
    except PipelineError:
        return False
    return True
