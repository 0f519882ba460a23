"""Golden files of audit rules: Markdown that is the test and the documentation at once.

``## Title`` starts a case; then prose, a block ``onnx`` (ONNX text), and a block ``findings`` with
what the rule finds, one line each, written by ``--update-golden``; it is empty where the rule is
silent. A ``toml`` block may give ``target`` (Ascend310P3) and ``cann`` (8.5).
"""

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from graphfix.audit import Audit, Rule, audit
from graphfix.errors import ModelError
from graphfix.finding import Finding
from graphfix.model import from_text, infer_shapes
from graphfix.target import load_profile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"^```(onnx|findings|toml)\n(.*?)^```$", re.DOTALL | re.M)
_KEYS = {"target", "cann"}


@dataclass(frozen=True)
class RuleCase:
    """One heading of a golden file."""

    file: Path
    title: str
    model: str
    findings: str
    target: str = "Ascend310P3"
    cann: str = "8.5"

    @property
    def name(self) -> str:
        """Readable id of the test."""
        return f"{self.file.stem}-" + re.sub(r"[^\w.=-]+", "-", self.title).strip("-")

    def run(self, rule: Rule) -> Audit:
        """The audit of the model with the one rule."""
        model = from_text(self.model)
        with suppress(ModelError):  # what is invalid must be audited, too
            infer_shapes(model)
        return audit(model, load_profile(self.target, self.cann), [rule])


def read(file: Path) -> tuple[RuleCase, ...]:
    """The cases of a golden file; AssertionError where it is not well formed."""
    cases = []
    parts = re.split(r"^## (.+)$", file.read_text(encoding="utf-8"), flags=re.M)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        blocks = dict(_BLOCK.findall(body))
        assert body.count("```") == 2 * len(blocks), f"{file.name}: {title!r}: a block is unknown"
        assert {"onnx", "findings"} <= set(blocks), f"{file.name}: {title!r}: onnx and findings"
        options = tomllib.loads(blocks.get("toml", ""))
        assert set(options) <= _KEYS, f"{file.name}: {title!r}: keys are {sorted(_KEYS)}"
        cases.append(RuleCase(file, title, blocks["onnx"], blocks["findings"], **options))
    assert len({case.title for case in cases}) == len(cases), f"{file.name}: a title stands twice"
    return tuple(cases)


def as_text(findings: tuple[Finding, ...]) -> str:
    """One line per finding, as it stands in a golden file."""
    lines = []
    for finding in findings:
        where = ", ".join(finding.nodes) or "model"
        then = f" => {finding.remedy}" if finding.remedy else ""
        advice = f" ({finding.advice})" if finding.advice else ""
        known = finding.evidence.value
        lines.append(
            f"{finding.severity.value} [{known}] {where}: {finding.message}{then}{advice}\n"
        )
    return "".join(lines)


def write(case: RuleCase, text: str) -> None:
    """Put findings into the golden file."""
    whole = case.file.read_text(encoding="utf-8")
    start = whole.index(f"## {case.title}\n")
    at = whole.index("```findings\n", start) + len("```findings\n")
    end = whole.index("```", at)
    case.file.write_text(whole[:at] + text + whole[end:], encoding="utf-8")
