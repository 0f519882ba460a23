"""What can be said of passes: for the table, for ``explain`` and for the generated indexes."""

import dataclasses
import inspect
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphfix.errors import PluginError, UsageError
from graphfix.pipeline import annotation_text, option_fields, option_text, options_help, parse
from graphfix.plugins import OTHER, Registry
from graphfix.rewrite.base import Pass
from graphfix.suggest import suggest


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
    topic: str

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"kind": "pass", **dataclasses.asdict(self)}


@dataclass(frozen=True)
class GroupEntry:
    """A group of passes; ``pipeline`` is the text that its name stands for."""

    name: str
    summary: str
    pipeline: str
    origin: str
    example: str

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"kind": "group", **dataclasses.asdict(self)}


def catalogue(registry: Registry) -> Sequence[PassEntry]:
    """All passes by name; one whose module is broken is listed with the error as its summary."""
    return [_entry(registry, name) for name in registry.names()]


def by_topic(entries: Iterable[PassEntry]) -> Mapping[str, Sequence[PassEntry]]:
    """Passes under their headings, both in alphabetical order; ``Other`` comes last."""
    topics: dict[str, list[PassEntry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.topic == OTHER, entry.topic, entry.name)):
        topics.setdefault(entry.topic, []).append(entry)
    return topics


def groups(registry: Registry) -> Sequence[GroupEntry]:
    """All groups by name."""
    return [
        GroupEntry(
            name,
            group.summary,
            group.passes,
            registry.origin(name).distribution,
            f"graphfix apply model.onnx --passes {name}",
        )
        for name, group in registry.groups().items()
    ]


def passes_of(registry: Registry, group: GroupEntry) -> Sequence[PassEntry]:
    """The passes a group stands for, in the order they run.

    Raises:
        PipelineError: the group names an unknown pass, an unknown option or another group.
        PluginError: the module of a pass cannot be imported.
    """
    return [describe(registry, item.name) for item in parse(group.name, registry).passes]


def describe(registry: Registry, name: str) -> PassEntry:
    """One pass.

    Raises:
        UsageError: there is no such pass.
        PluginError: its module cannot be imported.
    """
    if name not in registry.names():
        names = (*registry.names(), *registry.groups())
        raise UsageError(f"there is no pass called {name!r}; {suggest(name, names)}")
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
        return PassEntry(name, f"broken: {error}", "", origin, "", (), "", registry.topic(name))


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
        topic=registry.topic(name),
    )
