"""The files that say how precise single nodes or operators are, and which fusions are off.

Formats: the documentation of ``--op_precision_mode``, ``--keep_dtype``, ``--customize_dtypes``,
``--modify_mixlist`` and ``--fusion_switch_file`` (CANN 8.0 to 9.0).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PRECISION_MODES: Final = (
    "high_precision",
    "high_performance",
    "enable_float_32_execution",
    "enable_hi_float_32_execution",
    "support_out_of_bound_index",
    "keep_fp16",
    "super_performance",
)
"""Of ``--op_precision_mode``; an operator may have more of its own."""


@dataclass(frozen=True)
class PrecisionFile:
    """What a file says; ``problems`` are lines that ATC cannot read as meant."""

    nodes: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    """Of GE, not of ONNX."""
    modes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_precision_file(flag: str, path: Path) -> PrecisionFile:
    """Read the file of one of the flags in :data:`READERS`; what is wrong is in its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return PrecisionFile(problems=("the file does not exist",))
    except ValueError:
        return PrecisionFile(problems=("the file is not UTF-8 text, or has no name that can be",))
    except OSError as error:
        return PrecisionFile(problems=(f"the file cannot be read: {error.strerror}",))
    return READERS[flag](text)


def _op_precision_mode(text: str) -> PrecisionFile:
    sections: dict[str, list[str]] = {"ByOpType": [], "ByNodeName": []}
    section = "ByOpType"
    modes: list[str] = []
    problems: list[str] = []
    for number, line in _lines(text):
        if line.startswith("["):
            section = line.strip("[]").strip()
            if section not in sections:
                problems.append(f"line {number}: {line} is neither [ByOpType] nor [ByNodeName]")
                sections[section] = []
            continue
        name, equals, mode = (part.strip() for part in line.rpartition("="))
        if not equals or not name or not mode:
            problems.append(f"line {number}: {line!r} is not NAME=MODE")
            continue
        sections[section].append(name)
        modes.append(mode)
    return PrecisionFile(
        tuple(sections["ByNodeName"]), tuple(sections["ByOpType"]), tuple(modes), tuple(problems)
    )


def _keep_dtype(text: str) -> PrecisionFile:
    names = [line for _, line in _lines(text)]
    operators = [name.removeprefix("OpType::") for name in names if name.startswith("OpType::")]
    return PrecisionFile(
        tuple(name for name in names if not name.startswith("OpType::")), tuple(operators)
    )


def _customize_dtypes(text: str) -> PrecisionFile:
    nodes: list[str] = []
    operators: list[str] = []
    problems: list[str] = []
    for number, line in _lines(text):
        if line.startswith("OpType::"):
            name, colon, types = line.removeprefix("OpType::").partition(":")
            target = operators
        else:
            name, colon, types = line.partition("::")
            target = nodes
        if not colon or not name or not types.startswith(("InputDtype:", "OutputDtype:")):
            problems.append(
                f"line {number}: {line!r} is neither NODE::InputDtype:…,OutputDtype:… nor "
                "OpType::TYPE:InputDtype:…,OutputDtype:…"
            )
            continue
        target.append(name)
    return PrecisionFile(tuple(nodes), tuple(operators), problems=tuple(problems))


def _modify_mixlist(text: str) -> PrecisionFile:
    document, problem = _json(text)
    if document is None:
        return PrecisionFile(problems=(problem,))
    operators: list[str] = []
    problems: list[str] = []
    for colour, changes in document.items():
        if colour not in ("black-list", "white-list", "gray-list") or not isinstance(changes, dict):
            problems.append(f"{colour!r} is not black-list, white-list or gray-list")
            continue
        for change, names in changes.items():
            if change not in ("to-add", "to-remove") or not isinstance(names, list):
                problems.append(f"{colour}: {change!r} is not a list called to-add or to-remove")
            else:
                operators += [name for name in names if isinstance(name, str)]
    return PrecisionFile(operators=tuple(operators), problems=tuple(problems))


def _fusion_switch_file(text: str) -> PrecisionFile:
    if not text.lstrip().startswith("{"):
        # The form of older releases: one rule to a line.
        wrong = [n for n, line in _lines(text) if not _is_switch(line.rpartition(":")[2])]
        return PrecisionFile(problems=tuple(f"line {n} is not RULE:on or RULE:off" for n in wrong))
    document, problem = _json(text)
    if document is None:
        return PrecisionFile(problems=(problem,))
    switches = document.get("Switch")
    if not isinstance(switches, dict):
        return PrecisionFile(problems=("there is no object 'Switch' in it",))
    problems = [
        f'{kind}: {rule!r} is neither "on" nor "off"'
        for kind, rules in switches.items()
        if isinstance(rules, dict)
        for rule, value in rules.items()
        if not (isinstance(value, str) and _is_switch(value))
    ]
    problems += [
        f"{kind!r} is not GraphFusion or UBFusion"
        for kind in switches
        if kind not in ("GraphFusion", "UBFusion")
    ]
    return PrecisionFile(problems=tuple(problems))


READERS: Final[Mapping[str, Callable[[str], PrecisionFile]]] = {
    "op_precision_mode": _op_precision_mode,
    "keep_dtype": _keep_dtype,
    "customize_dtypes": _customize_dtypes,
    "modify_mixlist": _modify_mixlist,
    "fusion_switch_file": _fusion_switch_file,
}


def _lines(text: str) -> Iterable[tuple[int, str]]:
    """Lines with something on them, and their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith((";", "#")):
            yield number, line.strip()


def _json(text: str) -> tuple[dict[str, object] | None, str]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"line {error.lineno}: it is not JSON: {error.msg}"
    return (document, "") if isinstance(document, dict) else (None, "it is not a JSON object")


def _is_switch(text: str) -> bool:
    return text.strip() in ("on", "off")
