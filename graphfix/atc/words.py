"""The words of a command line, taken apart as ATC does."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from graphfix.atc.flags import FLAGS, Kind


@dataclass(frozen=True)
class Given:
    """One flag with its value."""

    flag: str
    """As ATC knows it: without dashes before it, and underscores for those inside."""
    value: str | None
    """``None`` where a value is missing."""
    written: str
    """The flag as it was typed, such as ``-soc_version``."""


@dataclass(frozen=True)
class Words:
    """A command line: its flags in order, and words that belong to none."""

    given: tuple[Given, ...]
    strays: tuple[str, ...]


def read_words(words: Sequence[str]) -> Words:
    """Take the words after ``atc`` apart (hicann/ge: api/atc/cmd_flag_info.cc).

    One dash or two, ``--flag=value`` or ``--flag value``. A word that starts with two dashes is not
    taken for the value of the flag before it.
    """
    given: list[Given] = []
    strays: list[str] = []
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if not word.startswith("-") or not word.strip("-"):
            strays.append(word)
            continue
        written, equals, value = word.partition("=")
        flag = written.lstrip("-").replace("-", "_")
        known = FLAGS.get(flag)
        if equals:
            given.append(Given(flag, value, written))
        elif known is not None and known.kind is Kind.BOOLEAN:
            given.append(Given(flag, "", written))
        elif rest and not rest[-1].startswith("--"):
            given.append(Given(flag, rest.pop(), written))
        else:
            given.append(Given(flag, None, written))
    return Words(tuple(given), tuple(strays))


def similar_flag(flag: str) -> str | None:
    """The flag of ATC that is spelled most like this one, if any is near."""
    return next(iter(difflib.get_close_matches(flag.lower(), FLAGS, 1, 0.75)), None)
