"""Golden files of the dialect: Markdown that is the test and the documentation at once.

``## Title`` starts a case; then prose, a block ``onnx before`` (ONNX text), and either a block
``onnx after`` or a block ``error``; a block ``report`` has what the report says. These three are
written by ``--update-golden``. A ``toml`` block may say more:

``raise``    true: ``before`` is a file for ATC that is raised; otherwise a model that is lowered
``target``   Ascend310P3
``cann``     8.5
``softmax``  atc or onnx: whose reading of the axis holds when a file is raised
``narrow``   true: lower with constant shapes in int32
``feeds``    as in the golden files of passes
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.dialect import Report, SoftmaxReading, lower, raise_dialect
from graphfix.errors import DialectError
from graphfix.model import from_text, to_text
from graphfix.rewrite import PassResult
from graphfix.spec import InputSpec
from graphfix.target import Profile, load_profile
from graphfix.verify import Verifier, structure

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"^```(onnx before|onnx after|error|report|toml)\n(.*?)^```$", re.DOTALL | re.M)
_WRITTEN = re.compile(r"\n*^```(onnx after|error|report)\n.*?^```$", re.DOTALL | re.M)
_KEYS = {"raise", "target", "cann", "softmax", "narrow", "feeds"}


@dataclass(frozen=True)
class DialectCase:
    """One heading of a golden file."""

    file: Path
    title: str
    before: str
    blocks: Mapping[str, str]
    """What is expected: ``onnx after`` or ``error``, and ``report``."""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Readable id of the test."""
        return f"{self.file.stem}-" + re.sub(r"[^\w.=-]+", "-", self.title).strip("-")

    @property
    def raises(self) -> bool:
        """Whether the case goes from the dialect to ONNX."""
        return bool(self.options.get("raise", False))

    @property
    def _profile(self) -> Profile:
        target, cann = self.options.get("target", "Ascend310P3"), self.options.get("cann", "8.5")
        return load_profile(target, cann)

    def run(self) -> dict[str, str]:
        """What happens, as the blocks say it; the numbers and the way back are held on the way."""
        before = from_text(self.before)
        try:
            model, report = self._raise(before) if self.raises else self._lower(before)
        except DialectError as error:
            return {"error": f"{error}\n"}
        assert to_text(before) == to_text(from_text(self.before)), "the given model has changed"
        text = "\n".join(report.lines())
        return {
            "onnx after": f"{to_text(model).strip()}\n",
            **({"report": f"{text}\n"} if text else {}),
        }

    def _raise(self, before: ir.Model) -> tuple[ir.Model, Report]:
        reading = SoftmaxReading(self.options.get("softmax", "atc"))
        raised = raise_dialect(before, softmax_reading=reading)
        self._hold_valid(raised.model, raised.model)
        again = raise_dialect(raised.model, softmax_reading=reading)
        assert not again.report.changes, "raised again it changes again"
        self._hold_round_trip(raised.model)
        return raised.model, raised.report

    def _lower(self, before: ir.Model) -> tuple[ir.Model, Report]:
        structure(before)
        lowered = lower(before, self._profile, narrow=self.options.get("narrow", False))
        self._hold_round_trip(before)
        return lowered.model, lowered.report

    def _hold_round_trip(self, model: ir.Model) -> None:
        """Lowered and raised it computes the same, and lowered again it is the same."""
        narrow = self.options.get("narrow", False)
        lowered = lower(model, self._profile, narrow=narrow).model
        raised = raise_dialect(lowered).model
        self._hold_valid(model, raised)
        again = lower(raised, self._profile, narrow=narrow).model
        assert to_text(again) == to_text(lowered), "lowered again it is something else"

    def _hold_valid(self, before: ir.Model, after: ir.Model) -> None:
        structure(after)
        specs = [
            InputSpec(name, low=f.get("low"), high=f.get("high"), values=_tuple(f.get("values")))
            for name, f in self.options.get("feeds", {}).items()
        ]
        verifier = Verifier(specs=specs)
        verifier.start(before)
        verdict = verifier.check(PassResult(after, Close()), before=lambda: before)
        assert verdict.passed, verdict.reason


def read(file: Path) -> tuple[DialectCase, ...]:
    """The cases of a golden file; AssertionError where it is not well formed."""
    cases = []
    parts = re.split(r"^## (.+)$", file.read_text(encoding="utf-8"), flags=re.M)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        blocks = dict(_BLOCK.findall(body))
        assert body.count("```") == 2 * len(blocks), f"{file.name}: {title!r}: a block is unknown"
        assert "onnx before" in blocks, f"{file.name}: {title!r}: there is no block 'onnx before'"
        options = tomllib.loads(blocks.pop("toml", ""))
        assert set(options) <= _KEYS, f"{file.name}: {title!r}: keys are {sorted(_KEYS)}"
        cases.append(DialectCase(file, title, blocks.pop("onnx before"), blocks, options))
    assert len({case.title for case in cases}) == len(cases), f"{file.name}: a title stands twice"
    return tuple(cases)


def write(case: DialectCase, found: Mapping[str, str]) -> None:
    """Put what happens into the golden file, behind the block ``onnx before``."""
    whole = case.file.read_text(encoding="utf-8")
    start = whole.index(f"## {case.title}\n")
    end = whole.find("\n## ", start)
    body = whole[start : end if end >= 0 else len(whole)]
    kept = _WRITTEN.sub("", body)
    at = next(match.end() for match in _BLOCK.finditer(kept) if match[1] == "onnx before")
    new = "".join(f"\n\n```{kind}\n{text}```" for kind, text in found.items())
    changed = whole.replace(body, kept[:at] + new + kept[at:])
    if changed != whole:
        case.file.write_text(changed, encoding="utf-8")


def _tuple(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
