"""What the lines of ATC mean: did it succeed, and if not, why, where, and what helps.

Sources: hicann/ge: ``api/atc/main_impl.cc`` (CheckRet: the lines at the end) and
``base/common/error_registry``; logs in Ascend/msit.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

SUCCESS_LINE: Final = "ATC run success"
FAILURE_LINE: Final = "ATC run failed"

_ERROR: Final = re.compile(r"\s*((?:E[A-Z]?|W)\d{4,5}):\s*(.*)")
_COMPLAINT: Final = re.compile(r"\s*ERROR: (.*)")
"""What ATC says of its flags before it has started."""
_NODES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"for Op:? \[?(?P<node>[^,\]]+)\]?, opt?type:? \[?(?P<type>[\w:.]*\w)",
        r"found for \[(?P<node>[^\]]+)\], optype \[(?P<type>\w+)\]",
        r"IR for Op \[?(?P<node>[^,\]]+?)\]?,? (?:with )?optype \[?(?P<type>\w+)",
        r"In op\[(?P<node>[^\]]+)\]",
        r"Op name (?P<node>\S+) specified in",
        r"Operator (?P<node>\S+) already exists",
        r"Optype \[(?P<type>\w+)\]",
        r"optype \[?(?P<type>[\w:.]*\w)",
    )
)


@dataclass(frozen=True)
class Diagnosis:
    """One error of ATC."""

    code: str
    """Such as ``E13010``; empty where ATC gave none."""
    message: str
    """As ATC wrote it."""
    cause: str = ""
    """In other words; empty for a code that is not in the table."""
    remedy: str = ""
    fixing_pass: str = ""
    """Name of the pass that helps whatever the operator is."""
    node: str = ""
    op_type: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"pass" if key == "fixing_pass" else key: v for key, v in asdict(self).items()}


def says_success(lines: Sequence[str]) -> bool:
    """Whether ATC wrote its line of success."""
    return any(line.lstrip().startswith(SUCCESS_LINE) for line in lines)


def decode(lines: Sequence[str]) -> tuple[Diagnosis, ...]:
    """The errors of a run, the first one first, each node and code once.

    Those after the line of failure count; without that line (ATC was killed, say) all do.
    """
    start = next((at for at, line in enumerate(lines) if FAILURE_LINE in line), 0)
    found: dict[tuple[str, str, str], Diagnosis] = {}
    for line in lines[start:]:
        error = _ERROR.match(line)
        complaint = _COMPLAINT.match(line)
        if error is not None:
            diagnosis = _diagnose(error[1], error[2].strip())
        elif complaint is not None:
            diagnosis = Diagnosis("", complaint[1].strip(), "ATC does not take the command.")
        else:
            continue
        found.setdefault((diagnosis.code, diagnosis.node, diagnosis.op_type), diagnosis)
    return tuple(found.values())


def _diagnose(code: str, message: str) -> Diagnosis:
    known = _table().get(code, {})
    match = next((m for pattern in _NODES if (m := pattern.search(message))), None)
    named = match.groupdict() if match is not None else {}
    return Diagnosis(
        code,
        message,
        known.get("cause", ""),
        known.get("remedy", ""),
        known.get("pass", ""),
        (named.get("node") or "").strip(),
        (named.get("type") or "").rpartition("::")[2],
    )


@cache
def _table() -> dict[str, dict[str, str]]:
    text = (files("graphfix.target") / "data" / "atc_errors.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found
