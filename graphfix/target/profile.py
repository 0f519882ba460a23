"""A target profile: one SoC with one CANN release, and what is known of their operators."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from graphfix.errors import UsageError
from graphfix.suggest import suggest
from graphfix.target.facts import Evidence, Kernel, Support
from graphfix.target.soc import SOCS, Soc

CANN_RELEASES: Final = ("5.1", "6.0", "7.0", "8.0", "8.5", "9.0", "9.1", "development")
"""Oldest first."""

_TABLE: Final = {
    "5.1": "2022-06", "6.0": "2022-06", "8.5": "8.5", "9.0": "9.0", "9.1": "9.1",
    "development": "development",
}  # fmt: skip
"""The column that tells about a release; 7.0 and 8.0 have none."""

_LOOKED_UP: Final = range(8, 27)
"""From the oldest opset that ATC took to the newest that onnxruntime runs."""

_CITATION: Final = {
    "2022-06": "canndev 2022-06-30: REGISTER_CUSTOM_OP with FrameworkType(ONNX)",
    "8.5": "hicann/ge, ops-nn, ops-cv, ops-math @8.5.0",
    "9.0": "hicann/ge, ops-nn, ops-cv, ops-math @9.0.0",
    "9.1": "hicann/ge, ops-nn, ops-cv, ops-math @9.1.0",
    "development": "hicann/ge, ops-nn, ops-cv, ops-math: development branches of 2026",
}


@dataclass(frozen=True)
class Profile:
    """What ATC of one CANN release takes for one SoC.

    Satisfies ``graphfix.rewrite.base.Target``.
    """

    soc: Soc
    cann: str
    operators: Mapping[str, Mapping[str, Any]] = field(repr=False)
    kernels_of: Mapping[str, Mapping[str, Any]] = field(repr=False)
    added: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """From target files: operator with its domain, to its opsets and the file."""

    @property
    def name(self) -> str:
        """Such as ``Ascend310P3, CANN 8.5``."""
        return f"{self.soc.name}, CANN {self.cann}"

    @property
    def several_imports(self) -> bool:
        """Whether a model may import several opset domains.

        Up to 9.1 the parser refuses more than one entry when a node has no domain (hicann/ge
        8.5.0: parser/parser/onnx/onnx_parser.cc); the development branch looks each one up.
        """
        return self.cann == "development"

    @property
    def opset_window(self) -> tuple[int, int]:
        """The lowest and the highest opset at which standard operators are registered.

        Relu stands for them: it has never changed, and every release registers it throughout.
        """
        first = last = _LOOKED_UP.start
        while self.support("Relu", last + 1).verdict:
            last += 1
        return first, last

    def accepts(self, op_type: str, opset: int) -> bool | None:
        """Whether the operator of the default domain is registered at this opset."""
        return self.support(op_type, opset).verdict

    def support(self, op_type: str, opset: int, domain: str = "") -> Support:
        """Whether and how well it is known that an operator is registered at an opset.

        The parser looks up exactly the opset that the model imports, no lower one (hicann/ge:
        OpRegistry::GetOmTypeByOriOpType).
        """
        key = _key(op_type, domain)
        if key in self.added:
            opsets, file = self.added[key]
            return Support(_holds(opsets, opset), Evidence.USER, file)
        entry = self.operators.get(key)
        if entry is None:
            return Support(False, Evidence.SOURCE, "no release registers it")
        cells: Mapping[str, str] = entry["opsets"]
        if cells.get("development") == "none":
            return Support(False, Evidence.SOURCE, "no release registers it")
        column = _TABLE.get(self.cann)
        if column is not None and column in cells:
            return Support(_holds(cells[column], opset), Evidence.SOURCE, _CITATION[column])
        if column == "2022-06":
            # That copy was whole: nothing was in a closed package then, as far as can be seen.
            return Support(False, Evidence.INFERENCE, f"{_CITATION[column]} lacks it")
        return _between(cells, opset, *_neighbours(self.cann))

    def opsets(self, op_type: str, domain: str = "") -> str:
        """The opsets at which an operator is known to be registered, as ``8-15 18``, or ``""``."""
        found: list[list[int]] = []
        for opset in _LOOKED_UP if domain in ("", "ai.onnx") else range(1, 2):
            if self.support(op_type, opset, domain).verdict:
                if found and found[-1][1] == opset - 1:
                    found[-1][1] = opset
                else:
                    found.append([opset, opset])
        return " ".join(f"{a}-{b}" if a < b else str(a) for a, b in found)

    def kernels(self, op_type: str) -> tuple[Kernel, ...]:
        """The kernels of what the operator becomes; empty when no table has it."""
        return tuple(
            Kernel(
                name,
                None if self.soc.chip is None else self.soc.chip in facts["ai_core"],
                tuple(facts["ai_core_types_310p"]) if self.soc.chip == "310p" else (),
                facts["ai_cpu"],
                tuple(facts["ai_cpu_types"]),
            )
            for name, facts in self.kernels_of.get(op_type, {}).items()
        )

    def ge_operators(self, op_type: str, domain: str = "") -> tuple[str, ...]:
        """What the operator becomes in GE."""
        entry = self.operators.get(_key(op_type, domain), {})
        return tuple(entry.get("expands_to", ())) or tuple(filter(None, (entry.get("ge"),)))

    def knows(self, op_type: str, domain: str = "") -> bool:
        """Whether a table or a target file has the operator."""
        return _key(op_type, domain) in self.operators or _key(op_type, domain) in self.added


def load_profile(target: str, cann: str, extra: Sequence[Path] = ()) -> Profile:
    """The profile of a SoC and a CANN release; upper and lower case are the same.

    ``extra`` are target files of the user: YAML with ``operators``, a mapping from an operator
    (``Name`` or ``domain::Name``) to the opsets it is registered at, such as ``8-18`` or ``11 16``.

    Raises:
        UsageError: an unknown SoC or release, with those there are, or a file that cannot be read.
    """
    soc = next((soc for soc in SOCS if soc.name.lower() == target.lower()), None)
    if soc is None:
        hint = suggest(target, (soc.name for soc in SOCS))
        raise UsageError(f"--target {target!r} is no SoC that is known; {hint}")
    if cann not in CANN_RELEASES:
        raise UsageError(f"--cann {cann!r} is not one of {', '.join(CANN_RELEASES)}")
    added = {key: value for path in extra for key, value in _target_file(path).items()}
    return Profile(soc, cann, _data("operators"), _data("kernels"), added)


@cache
def _data(name: str) -> Mapping[str, Mapping[str, Any]]:
    text = (files(__package__) / "data" / f"{name}.json").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return found


def _key(op_type: str, domain: str) -> str:
    return f"{domain or 'ai.onnx'}::{op_type}"


def _holds(opsets: str, opset: int) -> bool:
    """Whether ``8-15 18`` (or ``any``) holds an opset."""
    if opsets in ("any", "none"):
        return opsets == "any"
    for part in opsets.split():
        first, _, last = part.partition("-")
        if int(first) <= opset <= int(last or first):
            return True
    return False


def _neighbours(cann: str) -> tuple[str, str]:
    """The nearest releases with a table on both sides, for a release or a cell without one."""
    at = CANN_RELEASES.index(cann)
    older = [r for r in CANN_RELEASES[:at] if r in _TABLE]
    newer = [r for r in CANN_RELEASES[at + 1 :] if r in _TABLE]
    return (_TABLE[older[-1]] if older else ""), (_TABLE[newer[0]] if newer else "")


def _between(cells: Mapping[str, str], opset: int, older: str, newer: str) -> Support:
    """An operator that was there before, and is there at this opset after: taken for there.

    Releases between have operators in packages that are not public. Anything else is unknown.
    """
    columns = tuple(_CITATION)
    before = [c for c in columns[: columns.index(older) + 1] if c in cells] if older else []
    after = [c for c in columns[columns.index(newer) :] if c in cells] if newer else []
    if before and after and _holds(cells[after[0]], opset):
        reason = f"registered in {before[-1]}, and at this opset in {after[0]}"
        return Support(True, Evidence.INFERENCE, reason)
    return Support(None, Evidence.UNKNOWN, "no public source of this release has it")


def _target_file(path: Path) -> dict[str, tuple[str, str]]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--target-file {path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"--target-file {path}: is not YAML: {problem}") from error
    if not isinstance(document, dict) or set(document) != {"operators"}:
        raise UsageError(f"--target-file {path}: must be a mapping with the one key 'operators'")
    if not isinstance(document["operators"], dict):
        raise UsageError(f"--target-file {path}: 'operators' must map operators to opsets")
    found = {}
    for name, opsets in document["operators"].items():
        text = str(opsets)
        if not all(_is_range(part) for part in text.split()) or not text.split():
            raise UsageError(
                f"--target-file {path}: {name}: opsets are written as '8-18' or '11 16', "
                f"not {text!r}"
            )
        domain, _, operator = str(name).rpartition("::")
        found[_key(operator, domain)] = (text, str(path))
    return found


def _is_range(part: str) -> bool:
    first, dash, last = part.partition("-")
    return first.isdigit() and (last.isdigit() if dash else not last)
