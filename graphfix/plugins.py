"""The registry: what plugins offer by name, found through entry points, imported when needed.

Listing names must be quick, so this module and every plugin table stay free of heavy imports: the
pass class, and onnx_ir with it, is imported where a class is looked at.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from graphfix.errors import PluginError, UsageError
from graphfix.suggest import suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from graphfix.adapter import Adapter
    from graphfix.audit import Rule
    from graphfix.ops import Operator
    from graphfix.rewrite.base import Pass

GROUP = "graphfix.plugins"
PASS_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_REGISTERED_NAME = re.compile(rf"([a-z][a-z0-9]*:)?{PASS_NAME.pattern}")
"""With the family in front of passes that belong together, such as ``ir:inline``."""
OTHER = "Other"
"""The topic of passes that their plugin has put under none."""
_KINDS = {
    "pass": "a pass",
    "group": "a group",
    "operator": "an operator",
    "adapter": "an adapter",
    "rule": "a rule",
}
_NAME_FORM = "names are lower-case words joined by dashes, such as 'pow-to-mul'"


@dataclass(frozen=True)
class Group:
    """Passes that are often wanted together, under one name."""

    summary: str
    """What they are good for, in one line."""
    passes: str
    """Pipeline text; it may not name another group."""


@dataclass(frozen=True)
class Plugin:
    """What a distribution offers: tables of ``name -> "module:Class"``.

    A distribution points at one with an entry point of the group ``graphfix.plugins``. The modules
    are imported when a pass is used, so a broken one breaks only itself.
    """

    passes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    """Pipelines with a name, which stands in pipeline text for their passes."""
    topics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of passes under the headings they are listed with; others are under ``Other``."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    """Custom operators by operator type; each leads to an object, not to a class."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """Audit rules by id, such as ``ACME101``."""


@dataclass(frozen=True)
class Origin:
    """Where a name comes from: the plugin and the distribution, or the file, that offers it."""

    plugin: str
    distribution: str

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} of {self.distribution}"


@dataclass(frozen=True)
class Entry:
    """One registered name; ``loaded`` is set for what came from a plugin file."""

    name: str
    path: str
    origin: Origin
    loaded: "type[Pass] | Operator | type[Adapter] | type[Rule] | Group | None" = None
    kind: str = "pass"
    """``pass``, ``group``, ``operator``, ``adapter`` or ``rule``."""
    topic: str = OTHER
    """The heading a pass is listed under."""


class Registry:
    """All passes, adapters, and operators of plugins, by name. Immutable once built."""

    def __init__(self, entries: Iterable[Entry], broken: Sequence[PluginError] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        self._groups: dict[str, Entry] = {}
        self._operators: dict[str, Entry] = {}
        self._adapters: dict[str, Entry] = {}
        self._rules: dict[str, Entry] = {}
        tables = {
            "pass": self._entries,
            "group": self._groups,
            "operator": self._operators,
            "adapter": self._adapters,
            "rule": self._rules,
        }
        self.broken = tuple(broken)
        """Plugins that could not be loaded at all; the rest works without them."""
        for entry in entries:
            table = tables[entry.kind]
            other = table.get(entry.name)
            if other is not None:
                raise PluginError(
                    f"two plugins offer {_KINDS[entry.kind]} called {entry.name!r}: "
                    f"{other.origin} and {entry.origin}; uninstall one, or rename the "
                    f"{entry.kind} in one of them"
                )
            table[entry.name] = entry
        for name in self._groups.keys() & self._entries.keys():
            raise PluginError(
                f"{name!r} is a group of {self._groups[name].origin} and a pass of "
                f"{self._entries[name].origin}; uninstall one, or rename one of them"
            )

    def names(self) -> Sequence[str]:
        """All pass names, sorted."""
        return sorted(self._entries)

    def groups(self) -> "Mapping[str, Group]":
        """All groups of passes by name, sorted."""
        return {
            name: entry.loaded
            for name, entry in sorted(self._groups.items())
            if isinstance(entry.loaded, Group)
        }

    def origin(self, name: str) -> Origin:
        """Who offers the pass or the group."""
        return (self._entries.get(name) or self._groups[name]).origin

    def topic(self, name: str) -> str:
        """The heading that the pass is listed under."""
        return self._entries[name].topic

    def pass_class(self, name: str) -> "type[Pass]":
        """Import the class behind a name.

        Raises:
            PluginError: the import fails, or it is not a pass of that name.
        """
        entry = self._entries[name]
        return _checked(entry.loaded or _imported(entry), entry)

    def adapter_names(self) -> Sequence[str]:
        """All adapter names, sorted."""
        return sorted(self._adapters)

    def adapter(self, name: str) -> "Adapter":
        """The adapter of a name.

        Raises:
            PluginError: the import fails, or it is not an adapter of that name.
            UsageError: nobody offers it.
        """
        from graphfix.adapter import Adapter

        if name not in self._adapters:
            hint = suggest(name, self.adapter_names())
            raise UsageError(f"there is no adapter called {name!r}; {hint}")
        entry = self._adapters[name]
        cls = entry.loaded or _imported(entry)
        if not (isinstance(cls, type) and issubclass(cls, Adapter)) or inspect.isabstract(cls):
            raise PluginError(f"{entry.path!r} of {entry.origin} is not an adapter class")
        if getattr(cls, "name", None) != name:
            raise PluginError(
                f"{entry.path!r} of {entry.origin} calls itself {getattr(cls, 'name', None)!r} "
                f"but is registered as {name!r}"
            )
        return cls()

    def rules(self) -> "Mapping[str, Rule]":
        """All audit rules by id, sorted: those of graphfix and those of plugins.

        Raises:
            PluginError: an import fails, it is no rule of that id, or graphfix has one of that id.
        """
        from graphfix.audit import Rule, builtin_rules

        found = dict(builtin_rules())
        for id_, entry in self._rules.items():
            if id_ in found:
                raise PluginError(f"{entry.origin} offers a rule {id_!r}, which graphfix has")
            cls = entry.loaded or _imported(entry)
            if not (isinstance(cls, type) and issubclass(cls, Rule)) or inspect.isabstract(cls):
                raise PluginError(f"{entry.path!r} of {entry.origin} is not a rule class")
            if getattr(cls, "id", None) != id_:
                raise PluginError(
                    f"{entry.path!r} of {entry.origin} calls itself {getattr(cls, 'id', None)!r} "
                    f"but is registered as {id_!r}"
                )
            found[id_] = cls()
        return dict(sorted(found.items()))

    def operator_names(self) -> Sequence[str]:
        """Names of the custom operators that plugins offer, sorted."""
        return sorted(self._operators)

    def operator(self, name: str) -> "Operator":
        """A custom operator: of a plugin, or one that graphfix has.

        Raises:
            PluginError: the import fails, it is not an operator of that name, or graphfix has one
                of that name, too.
            KeyError: nobody offers it.
        """
        from graphfix.ops import OPERATORS

        entry = self._operators.get(name)
        if entry is None:
            return OPERATORS[name]
        if name in OPERATORS:
            raise PluginError(f"{entry.origin} offers an operator {name!r}, which graphfix has")
        return _checked_operator(entry.loaded or _imported(entry), entry)


def load_registry(
    plugin_files: Sequence[Path] = (), also: Mapping[str, Plugin] | None = None
) -> Registry:
    """Find all plugins: installed distributions, then files given by path.

    ``also`` adds plugins of a checkout that is not installed; an installed one of the same name
    wins.

    Raises:
        PluginError: two plugins offer one name, or a plugin file cannot be loaded.
    """
    from importlib.metadata import entry_points

    entries: list[Entry] = []
    broken: list[PluginError] = []
    found = sorted(entry_points(group=GROUP), key=lambda point: (_distribution(point), point.name))
    for point in found:
        try:
            entries += _from_entry_point(point)
        except PluginError as error:
            broken.append(error)
    installed = {point.name for point in found}
    for name, plugin in (also or {}).items():
        if name not in installed:
            entries += _table(plugin, Origin(name, "this checkout"))
    for path in plugin_files:
        entries += _from_file(path)
    return Registry(entries, broken)


def _distribution(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _from_entry_point(point: "EntryPoint") -> list[Entry]:
    origin = Origin(point.name, _distribution(point))
    try:
        plugin = point.load()
    except Exception as error:
        raise PluginError(
            f"{origin} cannot be loaded: {type(error).__name__}: {error}; "
            "reinstall it or uninstall it"
        ) from error
    if not isinstance(plugin, Plugin):
        raise PluginError(f"{origin}: {point.value!r} is not a graphfix.plugins.Plugin")
    return _table(plugin, origin)


def _table(plugin: Plugin, origin: Origin) -> list[Entry]:
    for kind, names in (("pass", plugin.passes), ("group", plugin.groups)):
        for name in names:
            if not _REGISTERED_NAME.fullmatch(name):
                raise PluginError(f"{origin}: a {kind} cannot be called {name!r}; {_NAME_FORM}")
    topics = {name: topic for topic, names in plugin.topics.items() for name in names}
    passes = [
        Entry(name, path, origin, topic=topics.get(name, OTHER))
        for name, path in plugin.passes.items()
    ]
    groups = [Entry(name, "", origin, group, "group") for name, group in plugin.groups.items()]
    operators = [
        Entry(name, path, origin, kind="operator") for name, path in plugin.operators.items()
    ]
    adapters = [Entry(name, path, origin, kind="adapter") for name, path in plugin.adapters.items()]
    rules = [Entry(name, path, origin, kind="rule") for name, path in plugin.rules.items()]
    return [*passes, *groups, *operators, *adapters, *rules]


def _from_file(path: Path) -> list[Entry]:
    from graphfix.adapter import Adapter
    from graphfix.audit import Rule
    from graphfix.ops import Operator
    from graphfix.rewrite.base import Pass

    origin = Origin(path.stem, str(path))
    module = _import_file(path)
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, (Pass, Adapter, Rule))
        and item.__module__ == module.__name__
        and not inspect.isabstract(item)
    ]
    found = {item.name: item for item in vars(module).values() if isinstance(item, Operator)}
    if not classes and not found:
        raise PluginError(f"--plugin {path}: the file defines no pass (a subclass of Pass)")
    operators = [
        Entry(name, f"{path}:{name}", origin, item, "operator") for name, item in found.items()
    ]
    return [*(_file_entry(cls, path, origin) for cls in classes), *operators]


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"--plugin {path}: there is no such file")
    # Files of one stem in two folders are two modules; one file given twice is one.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"graphfix_plugin_{path.stem}_{digest}", path)
    if spec is None or spec.loader is None:
        raise PluginError(f"--plugin {path}: not a Python file (it must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise PluginError(f"--plugin {path}: {type(error).__name__}: {error}") from error
    return module


def _file_entry(
    cls: "type[Pass] | type[Adapter] | type[Rule]", path: Path, origin: Origin
) -> Entry:
    from graphfix.adapter import Adapter
    from graphfix.audit import Rule

    if issubclass(cls, Rule):
        return Entry(cls.id, f"{path}:{cls.__name__}", origin, cls, "rule")
    kind = "adapter" if issubclass(cls, Adapter) else "pass"
    name = getattr(cls, "name", None)
    if not isinstance(name, str):
        raise PluginError(f"--plugin {path}: class {cls.__name__} has no 'name'")
    if not _REGISTERED_NAME.fullmatch(name):
        raise PluginError(
            f"--plugin {path}: {_KINDS[kind]} cannot be called {name!r}; {_NAME_FORM}"
        )
    return Entry(name, f"{path}:{cls.__name__}", origin, cls, kind)


def _imported(entry: Entry) -> object:
    module_name, _, attribute = entry.path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        raise PluginError(
            f"the {entry.kind} {entry.name!r} of {entry.origin} cannot be loaded from "
            f"{entry.path!r}: {type(error).__name__}: {error}"
        ) from error


def _checked_operator(found: object, entry: Entry) -> "Operator":
    from graphfix.ops import Operator

    if not isinstance(found, Operator):
        raise PluginError(f"{entry.path!r} of {entry.origin} is not an operator")
    if found.name != entry.name:
        raise PluginError(
            f"{entry.path!r} of {entry.origin} calls itself {found.name!r} "
            f"but is registered as {entry.name!r}"
        )
    return found


def _checked(cls: object, entry: Entry) -> "type[Pass]":
    from graphfix.rewrite.base import Pass

    if not (isinstance(cls, type) and issubclass(cls, Pass)) or inspect.isabstract(cls):
        raise PluginError(f"{entry.path!r} of {entry.origin} is not a pass class")
    if getattr(cls, "name", None) != entry.name:
        raise PluginError(
            f"{entry.path!r} of {entry.origin} calls itself {getattr(cls, 'name', None)!r} "
            f"but is registered as {entry.name!r}"
        )
    return cls
