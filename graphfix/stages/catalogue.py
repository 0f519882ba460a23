"""What can be said of passes: for the table, for ``explain`` and for the generated indexes."""

import dataclasses
import difflib
import inspect
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from graphfix.errors import PluginError, UsageError
from graphfix.pipeline import annotation_text, option_fields, option_text, options_help
from graphfix.plugins import Registry
from graphfix.rewrite.base import Pass


@dataclass(frozen=True)
class OptionEntry:
    """One option of a pass, or of something else that is configured as passes are."""

    key: str
    type: str
    default: str
    help: str


@dataclass(frozen=True)
class PassEntry:
    """One pass, described from its class."""

    name: str
    summary: str
    contract: str
    origin: str
    documentation: str
    options: tuple[OptionEntry, ...]
    example: str

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return dataclasses.asdict(self)


def catalogue(registry: Registry) -> Sequence[PassEntry]:
    """All passes by name; one whose module is broken is listed with the error as its summary."""
    return [_entry(registry, name) for name in registry.names()]


def describe(registry: Registry, name: str) -> PassEntry:
    """One pass.

    Raises:
        UsageError: there is no such pass.
        PluginError: its module cannot be imported.
    """
    if name not in registry.names():
        close = difflib.get_close_matches(name, registry.names(), n=1)
        names = ", ".join(registry.names())
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {names}"
        raise UsageError(f"there is no pass called {name!r}; {hint}")
    return _described(registry, name, registry.pass_class(name))


def option_entries(cls: type[object]) -> tuple[OptionEntry, ...]:
    """The options of a class that pipeline text can configure, such as a pass."""
    helps = options_help(cls)
    return tuple(
        OptionEntry(
            key,
            annotation_text(annotation),
            "required" if default is dataclasses.MISSING else option_text(default),
            helps.get(key, ""),
        )
        for key, annotation, default in option_fields(cls)
    )


def _entry(registry: Registry, name: str) -> PassEntry:
    try:
        return _described(registry, name, registry.pass_class(name))
    except PluginError as error:
        origin = registry.origin(name).distribution
        return PassEntry(name, f"broken: {error}", "", origin, "", (), "")


def _described(registry: Registry, name: str, cls: type[Pass]) -> PassEntry:
    summary, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n")
    return PassEntry(
        name=name,
        summary=summary,
        contract=cls.contract.label,
        origin=registry.origin(name).distribution,
        documentation=rest.strip("\n"),
        options=option_entries(cls),
        example=f"graphfix apply model.onnx --passes {shlex.quote(cls.example or name)}",
    )
