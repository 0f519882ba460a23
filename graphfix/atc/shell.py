"""Finds ``atc`` commands in scripts and READMEs, without running a shell."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graphfix.atc.words import read_words

_START: Final = re.compile(
    r"(?:^|[\s;&|`(])(?P<command>(?:[^\s;&|`()]*/)?atc(?:\.bin)?\s+[-\u2013\u2014])"
)
_ASSIGNMENT: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+)|(\([^()]*\)))")
"""The last form is the output of a command, which stays unknown."""
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)|'(?P<single>[^']*)'|\"(?P<double>(?:\\.|[^\"\\])*)\"|\\(?P<escaped>.)"
    rf"|(?P<variable>{_VARIABLE.pattern})|(?P<end>[;&|<>`()])|(?P<open>['\"].*)"
    r"|(?P<plain>[^\s'\"\\$;&|<>`()]+|.)",
    re.DOTALL,
)
_IN_QUOTES: Final = re.compile(rf"\\[$`\"\\]|{_VARIABLE.pattern}")
_OF_A_CONVERSION: Final = frozenset({"model", "framework", "soc_version", "output", "input_shape"})


@dataclass(frozen=True)
class FoundCommand:
    """One ``atc`` command in a text."""

    words: tuple[str, ...]
    """After ``atc``, as a shell would pass them; variables without a value stay as ``${name}``."""
    line: int
    """Where it begins, from 1."""
    problems: tuple[str, ...] = ()
    """What a shell would make of it and nobody wants."""


def unset_variables(text: str) -> tuple[str, ...]:
    """The names of shell variables that are still in a text."""
    return tuple(dict.fromkeys(m[1] or m[3] or m[4] for m in _VARIABLE.finditer(text)))


def find_commands(
    text: str, variables: Mapping[str, str], *, comments: bool = False
) -> tuple[FoundCommand, ...]:
    """The ``atc`` commands of a text with shell lines, such as a script or a README.

    Lines that end in a backslash are joined. ``variables`` are values for ``$name``; assignments
    in the text count from their line on, where their value is plain. ``comments`` says that ``#``
    at the start of a line is no comment but a prompt or a heading.
    """
    values = dict(variables)
    found: list[FoundCommand] = []
    for number, line, problems in _logical_lines(text):
        if line.lstrip().startswith("#") and not comments:
            continue
        start = _START.search(line)
        if start is None:
            if assignment := _ASSIGNMENT.fullmatch(line):
                words, _ = _split(assignment[2], values)
                if len(words) == 1 and assignment[1] not in variables:
                    values[assignment[1]] = words[0]
            continue
        words, complaint = _split(line[start.start("command") :], values)
        if _OF_A_CONVERSION & {given.flag for given in read_words(words[1:]).given}:
            problems += (complaint,) if complaint else ()
            found.append(FoundCommand(tuple(words[1:]), number, problems))
    return tuple(found)


def split_command(text: str, variables: Mapping[str, str]) -> FoundCommand:
    """The words of one command given as text, with or without ``atc`` before them."""
    joined = " ".join(line for _, line, _ in _logical_lines(text))
    words, complaint = _split(joined, variables)
    if words and words[0].rpartition("/")[2] in ("atc", "atc.bin"):
        words = words[1:]
    return FoundCommand(tuple(words), 1, (complaint,) if complaint else ())


def _logical_lines(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Lines joined at backslashes, each with its number and what is wrong with the joints."""
    parts: list[str] = []
    first = 1
    problems: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if not parts:
            first, problems = number, ()
        ends = line.rstrip()
        if ends.endswith("\\"):
            if ends != line:
                problems += (
                    f"line {number} ends in a backslash and a space: the command ends there",
                )
            parts.append(ends[:-1])
            continue
        yield first, " ".join((*parts, line)), problems
        parts = []
    if parts:
        yield first, " ".join(parts), problems


def _split(text: str, values: Mapping[str, str]) -> tuple[list[str], str | None]:
    """Words up to the end of the command, and what is wrong with its quotes, if anything."""
    words: list[str] = []
    word: str | None = None
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup, match[match.lastgroup or 0]
        if kind == "end" or (word is None and piece.startswith("#") and kind == "plain"):
            if piece in "<>" and word is not None and word.isdigit():
                word = None  # the 2 of 2>&1
            break
        if kind == "space":
            words += [] if word is None else [word]
            word = None
        elif kind == "open":
            return [*words, (word or "") + piece[1:]], "a quote is not closed"
        elif kind == "double":
            word = (word or "") + _IN_QUOTES.sub(lambda found: _value(found, values), piece)
        elif kind == "variable":
            word = (word or "") + _VARIABLE.sub(lambda found: _value(found, values), piece)
        else:
            word = (word or "") + piece
    return words if word is None else [*words, word], None


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    """The value of a variable, or the character after a backslash."""
    if match[0].startswith("\\"):
        return match[0][1]
    if match[4]:
        return match[0]
    name = match[1] or match[3]
    if name in values:
        return values[name]
    return match[2] if match[2] is not None else f"${{{name}}}"
