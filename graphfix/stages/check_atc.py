"""Check ATC commands against a model, without ATC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from graphfix.atc.check import check
from graphfix.atc.model_facts import model_facts
from graphfix.atc.request import Request
from graphfix.atc.shell import FoundCommand, find_commands
from graphfix.atc.words import read_words
from graphfix.errors import UsageError
from graphfix.finding import Finding
from graphfix.model import load
from graphfix.target import CANN_RELEASES


@dataclass(frozen=True)
class CheckedCommand:
    """One command and what is wrong with it."""

    line: int
    """Of the file it comes from; 1 for a command given directly."""
    words: tuple[str, ...]
    """After ``atc``."""
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "line": self.line,
            "words": list(self.words),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True)
class CommandCheck:
    """Every command that was checked."""

    model: Path
    cann: str
    commands: tuple[CheckedCommand, ...]
    others: int = 0
    """Commands of the file that convert other models and were not checked."""

    @property
    def fails(self) -> bool:
        """Whether a command would fail, or do something else than it says."""
        return any(f.severity.fails for command in self.commands for f in command.findings)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": str(self.model),
            "cann": self.cann,
            "fails": self.fails,
            "commands": [command.to_dict() for command in self.commands],
            "others": self.others,
        }


def commands_in(path: Path, variables: Mapping[str, str]) -> tuple[FoundCommand, ...]:
    """The ``atc`` commands in a script or a README.

    Raises:
        UsageError: the file cannot be read, or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    found = find_commands(text, variables, comments=path.suffix.lower() in (".md", ".rst", ".txt"))
    if not found:
        raise UsageError(f"{path}: there is no line with 'atc --model=…' in it")
    return found


def check_commands(
    path: Path, commands: Sequence[FoundCommand], cann: str, folder: Path
) -> CommandCheck:
    """Check commands against the model in ``path``; their files are looked for in ``folder``.

    Where some name just this file, commands that name another one are left out.

    Raises:
        UsageError: an unknown release, or the model is missing.
        ModelError: the file holds no model.
    """
    if cann not in CANN_RELEASES:
        raise UsageError(f"--cann {cann!r} is not one of {', '.join(CANN_RELEASES)}")
    facts = model_facts(load(path), path)
    named = [command for command in commands if _model_name(command) == path.name]
    chosen = [c for c in commands if c in named or "$" in _model_name(c)] if named else commands
    checked = tuple(
        CheckedCommand(command.line, command.words, check(Request(command, facts, cann, folder)))
        for command in chosen
    )
    return CommandCheck(path, cann, checked, len(commands) - len(chosen))


def _model_name(command: FoundCommand) -> str:
    """The name of the file that a command converts, with variables that are unset."""
    models = [g.value for g in read_words(command.words).given if g.flag == "model" and g.value]
    return PurePosixPath(models[-1]).name if models else ""
