"""Errors a user can meet; the command line prints them without a traceback.

``GraphfixError``
├── ``ModelError``        a model file cannot be read, written or trusted        (exit 1)
│   └── ``DialectError``    a model that has no spelling for ATC, or a file of it no meaning
├── ``UsageError``        a wrong option, name or file on the command line        (exit 2)
│   ├── ``PipelineError``   pipeline text or recipe that cannot be understood
│   └── ``PluginError``     a plugin that cannot be loaded or clashes
├── ``PassError``         a pass could not do its work                             (exit 1)
│   ├── ``PassCrash``       a pass raised what it must not raise
│   ├── ``StructureError``  a pass left an invalid graph
│   └── ``NumericsError``   a pass changed the numbers beyond its contract
│       └── ``RewriteError``  some of its rewrites are known to be to blame
└── ``ToolError``         an external program is missing or failed                 (exit 3)
"""

from collections.abc import Mapping
from typing import ClassVar


class GraphfixError(Exception):
    """Base of every error that is addressed to the user."""

    exit_code: ClassVar[int] = 1


class ModelError(GraphfixError):
    """A model cannot be read, written or trusted; the message names the file."""


class DialectError(ModelError):
    """A model cannot be written for ATC, or a file for ATC not be read; lists the nodes."""


class UsageError(GraphfixError):
    """The request itself is wrong: an option, a name, a file given by the user."""

    exit_code = 2


class PipelineError(UsageError):
    """Pipeline text or a recipe cannot be understood.

    ``column`` is the 0-based position in ``text`` the message points at; of a text of several
    lines the one at fault is shown.
    """

    def __init__(self, message: str, text: str = "", column: int | None = None) -> None:
        self.text = text
        self.column = column
        if column is not None:
            start = text.rfind("\n", 0, column) + 1
            line = text[start:].partition("\n")[0]
            message = f"{message}\n  {line}\n  {' ' * (column - start)}^"
        super().__init__(message)


class PluginError(UsageError):
    """A plugin cannot be loaded, or two plugins claim one name."""


class PassError(GraphfixError):
    """A pass could not do its work; the model is as it was before."""


class PassCrash(PassError):
    """A pass raised something else than a ``GraphfixError``: a bug in the pass."""


class StructureError(PassError):
    """A pass left an invalid graph."""


class NumericsError(PassError):
    """A pass changed the numbers beyond its contract."""


class RewriteError(NumericsError):
    """A pass changed the numbers beyond its contract, which may be known late.

    ``step`` is the index of the pass in its pipeline. ``anchors`` are the rewrites to blame, by the
    number of their anchor, each with what is wrong; none when only the pass as a whole can be.
    """

    def __init__(self, message: str, step: int, anchors: Mapping[int, str]) -> None:
        self.step = step
        self.anchors = dict(anchors)
        super().__init__(message)


class ToolError(GraphfixError):
    """An external program is missing, failed, or ran into its limits."""

    exit_code = 3
