"""Pipeline text and recipes: the two spellings of a list of passes with options.

The grammar, with whitespace allowed between tokens::

    pipeline := element ("," element)*
    element  := name ("{" option ("," option)* "}")?
    option   := key ("=" value)?              a key alone means true
    value    := word | string | "[" (item ("," item)*)? "]"
    item     := word | string
    word     := one or more characters other than whitespace , = { } [ ] " '
    string   := "..." or '...' with backslash escapes

A group's name stands for its passes, each of which may find nothing to do; it takes no options.
Keys are written with dashes and name the fields of the pass class with underscores. A recipe is a
YAML file that says the same::

    passes:
      - gridsample: {mode: decompose}
      - sim
"""

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import yaml

from graphfix.errors import PipelineError
from graphfix.rewrite.base import Pass
from graphfix.suggest import suggest

_TOKEN = re.compile(
    r"""\s*(?:(?P<punctuation>[,={}\[\]])
          |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
          |(?P<word>[^\s,={}\[\]"']+))""",
    re.VERBOSE,
)


class _Word(str):
    """Text that was written without quotes, so that ``none`` may mean None."""

    __slots__ = ()


class _Flag(enum.Enum):
    """The value of an option that is written as a key alone."""

    ALONE = enum.auto()


T = TypeVar("T")
Scalar = str | bool | int | float
RawValue = Scalar | tuple[Scalar | None, ...] | _Flag | None


class PassLookup(Protocol):
    """What the parser needs of the registry."""

    def names(self) -> Sequence[str]:
        """All pass names."""

    def pass_class(self, name: str) -> type[Pass]:
        """The class behind a name."""

    def groups(self) -> Mapping[str, "PassGroup"]:
        """All groups by name."""


class PassGroup(Protocol):
    """What the parser needs of a group."""

    @property
    def passes(self) -> str:
        """Pipeline text without groups."""


@dataclass(frozen=True)
class _Option:
    key: str
    value: RawValue
    column: int | None = None


@dataclass(frozen=True)
class _Element:
    name: str
    options: tuple[_Option, ...] = ()
    column: int | None = None


@dataclass(frozen=True)
class Pipeline:
    """Passes in the order they run; ``str()`` gives the text that parses back to it."""

    passes: tuple[Pass, ...]

    def __str__(self) -> str:
        return ",".join(pass_text(item) for item in self.passes)


def parse(text: str, registry: PassLookup) -> Pipeline:
    """Read pipeline text.

    Raises:
        PipelineError: with the column at fault, and the known names when a name is unknown.
        PluginError: the module of a pass cannot be imported.
    """
    return _build(_Parser(text).pipeline(), registry, text)


def parse_one(text: str, classes: Mapping[str, type[T]], kind: str) -> T:
    """Read one name with options, of things other than passes; ``kind`` is what they are called.

    Raises:
        PipelineError: as :func:`parse`, or there is more than one.
    """
    element, *others = _Parser(text).pipeline()
    if others:
        raise PipelineError(f"give one {kind} at a time", text, others[0].column)
    _require_known(element, tuple(classes), kind, text)
    return _instantiate(element, classes[element.name], text)


def parse_recipe(text: str, registry: PassLookup) -> Pipeline:
    """Read a YAML recipe.

    Raises:
        PipelineError: not YAML, not of the recipe's form, or an unknown pass or option.
        PluginError: the module of a pass cannot be imported.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PipelineError(f"the recipe is not YAML: {_yaml_problem(error)}") from error
    if not isinstance(document, dict) or set(document) != {"passes"}:
        raise PipelineError("a recipe is a mapping with the one key 'passes', a list of passes")
    if not isinstance(document["passes"], list) or not document["passes"]:
        raise PipelineError("'passes' in the recipe must be a list of at least one pass")
    return _build([_recipe_element(item) for item in document["passes"]], registry, text="")


def recipe(pipeline: Pipeline) -> str:
    """The YAML recipe that says the same as ``str(pipeline)``."""
    items: list[object] = []
    for item in pipeline.passes:
        options = {_kebab(key): _plain(value) for key, value in _changed(item)}
        items.append({item.name: options} if options else item.name)
    text: str = yaml.safe_dump({"passes": items}, sort_keys=False)
    return text


def pass_text(item: Pass) -> str:
    """One pass as pipeline text: its name, and the options that differ from their defaults."""
    options = [f"{_kebab(key)}={option_text(value)}" for key, value in _changed(item)]
    return f"{item.name}{{{','.join(options)}}}" if options else item.name


def option_fields(cls: type[Any]) -> tuple[tuple[str, object, object], ...]:
    """Options of a class as (text key, annotation, default); ``MISSING`` when required."""
    hints = typing.get_type_hints(cls)
    return tuple(
        (_kebab(item.name), hints[item.name], item.default) for item in dataclasses.fields(cls)
    )


def annotation_text(annotation: object) -> str:
    """An option's type for people: ``int``, ``auto|decompose|restore``, ``list of text``."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(
            annotation_text(item) for item in typing.get_args(annotation) if item is not type(None)
        )
    if origin is tuple:
        return f"list of {annotation_text(typing.get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "|".join(str(member.value) for member in annotation)
    if annotation is str:
        return "text"
    return annotation.__name__.lower() if isinstance(annotation, type) else str(annotation)


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._scan())
        self.at = 0

    def _scan(self) -> Iterable[tuple[str, str, int]]:
        position = 0
        while position < len(self.text.rstrip()):
            match = _TOKEN.match(self.text, position)
            if not match:
                column = len(self.text) - len(self.text[position:].lstrip())
                raise PipelineError("this quote is never closed", self.text, column)
            kind = str(match.lastgroup)
            yield kind, match[kind], match.start(kind)
            position = match.end()
        yield "end", "", len(self.text.rstrip())

    def pipeline(self) -> list[_Element]:
        elements = [self._element()]
        while self._take(","):
            elements.append(self._element())
        if self.tokens[self.at][0] != "end":
            raise self._unexpected("',' between passes or '{' before options")
        return elements

    def _element(self) -> _Element:
        name, column = self._word("a pass name")
        options: list[_Option] = []
        if self._take("{"):
            while not self._take("}"):
                if options and not self._take(","):
                    raise self._unexpected(f"',' or '}}' in the options of {name!r}")
                options.append(self._option())
        return _Element(name, tuple(options), column)

    def _option(self) -> _Option:
        key, column = self._word("an option name")
        return _Option(key, self._value() if self._take("=") else _Flag.ALONE, column)

    def _value(self) -> RawValue:
        if not self._take("["):
            return self._scalar()
        items: list[Scalar] = []
        while not self._take("]"):
            if items and not self._take(","):
                raise self._unexpected("',' or ']' in the list")
            items.append(self._scalar())
        return tuple(items)

    def _scalar(self) -> str:
        kind, token, _ = self.tokens[self.at]
        if kind == "string":
            self.at += 1
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        return _Word(self._word("a value")[0])

    def _word(self, wanted: str) -> tuple[str, int]:
        kind, token, column = self.tokens[self.at]
        if kind != "word":
            raise self._unexpected(wanted)
        self.at += 1
        return token, column

    def _take(self, punctuation: str) -> bool:
        if self.tokens[self.at][:2] != ("punctuation", punctuation):
            return False
        self.at += 1
        return True

    def _unexpected(self, wanted: str) -> PipelineError:
        _, token, column = self.tokens[self.at]
        found = f"found {token!r}" if token else "the text ends"
        if token == "=" and "list" in wanted:
            found += "; a selector stands in quotes"
        return PipelineError(f"expected {wanted}, {found}", self.text, column)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _recipe_element(item: object) -> _Element:
    if isinstance(item, str):
        return _Element(item)
    if not isinstance(item, dict) or len(item) != 1:
        raise PipelineError(f"recipe entry {item!r} is neither a pass name nor 'name: {{options}}'")
    ((name, options),) = item.items()
    if options is not None and not isinstance(options, dict):
        raise PipelineError(f"the options of {name!r} in the recipe must be a mapping")
    return _Element(
        str(name),
        tuple(_recipe_option(name, key, value) for key, value in (options or {}).items()),
    )


def _recipe_option(name: object, key: object, value: object) -> _Option:
    items = tuple(value) if isinstance(value, list) else (value,)
    if not all(item is None or isinstance(item, (str, bool, int, float)) for item in items):
        raise PipelineError(
            f"{name}: option {key!r} in the recipe must be text, a number, true, false, null or a "
            f"list of these, not {value!r}"
        )
    return _Option(str(key), items if isinstance(value, list) else items[0])


def _build(elements: Iterable[_Element], registry: PassLookup, text: str) -> Pipeline:
    passes: list[Pass] = []
    groups = registry.groups()
    for element in elements:
        if element.name in groups:
            passes += _group(element, groups[element.name], registry, text)
            continue
        _require_known(element, (*registry.names(), *groups), "pass", text)
        passes.append(_instantiate(element, registry.pass_class(element.name), text))
    return Pipeline(tuple(passes))


def _group(element: _Element, group: PassGroup, registry: PassLookup, text: str) -> Sequence[Pass]:
    """The passes a group's name stands for, none of which must find anything."""
    if element.options:
        message = (
            f"{element.name} is a group and takes no options; give them to its passes: "
            f"{group.passes}"
        )
        raise PipelineError(message, text, element.options[0].column)
    try:
        elements = _Parser(group.passes).pipeline()
        for inner in elements:
            if inner.name in registry.groups():
                message = f"{inner.name!r} is a group, and a group is made of passes"
                raise PipelineError(message, group.passes, inner.column)
        passes = _build(elements, registry, group.passes).passes
    except PipelineError as error:
        raise PipelineError(f"group {element.name!r}: {error}") from error
    return [
        dataclasses.replace(item, optional=True) if item.must_match else item for item in passes
    ]


def _require_known(element: _Element, names: Sequence[str], kind: str, text: str) -> None:
    if element.name not in names:
        message = (
            f"there is no {kind} called {element.name!r}; {suggest(element.name, sorted(names))}"
        )
        raise PipelineError(message, text, element.column)


def _instantiate(element: _Element, cls: type[T], text: str) -> T:
    fields = {key: annotation for key, annotation, _ in option_fields(cls)}
    values: dict[str, object] = {}
    for option in element.options:
        key = _kebab(option.key)
        if key not in fields:
            message = (
                f"{element.name}: there is no option {option.key!r}; {suggest(key, sorted(fields))}"
            )
            raise PipelineError(message, text, option.column)
        if key.replace("-", "_") in values:
            message = f"{element.name}: option {key!r} is given twice"
            raise PipelineError(message, text, option.column)
        try:
            values[key.replace("-", "_")] = _convert(option.value, fields[key])
        except (ValueError, PipelineError) as error:
            message = f"{element.name}: option {key!r}: {error}"
            raise PipelineError(message, text, option.column) from error
    for key, _, default in option_fields(cls):
        if default is dataclasses.MISSING and key.replace("-", "_") not in values:
            message = (
                f"{element.name}: option {key!r} is required, e.g. {element.name}{{{key}=...}}"
            )
            raise PipelineError(message, text, element.column)
    factory: Callable[..., T] = cls
    try:
        return factory(**values)
    except ValueError as error:
        raise PipelineError(f"{element.name}: {error}", text, element.column) from error


def _convert(value: RawValue, annotation: object) -> object:
    """Turn text or a YAML value into the type of a field; ``ValueError`` says what is wrong."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        choices = [item for item in typing.get_args(annotation) if item is not type(None)]
        has_none = len(choices) < len(typing.get_args(annotation))
        if has_none and (value is None or (isinstance(value, _Word) and value == "none")):
            return None
        return _first_that_converts(value, choices)
    if origin is tuple:
        item_type = typing.get_args(annotation)[0]
        items = value if isinstance(value, tuple) else (value,)
        return tuple(_convert(item, item_type) for item in items)
    if isinstance(value, tuple):
        raise ValueError(f"takes one value ({annotation_text(annotation)}), not a list")
    if annotation is bool:
        return _boolean(value)
    if value is None or isinstance(value, _Flag):
        raise ValueError(f"needs a value ({annotation_text(annotation)})")
    assert isinstance(annotation, type)
    if issubclass(annotation, enum.Enum):
        return _member(value, annotation)
    if annotation in (int, float):
        return _number(value, annotation)
    constructor: Callable[[str], object] = annotation
    return constructor(str(value).lower() if isinstance(value, bool) else str(value))


def _first_that_converts(value: RawValue, choices: Sequence[object]) -> object:
    problems: list[str] = []
    for choice in choices:
        try:
            return _convert(value, choice)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError("; ".join(dict.fromkeys(problems)))


def _boolean(value: RawValue) -> bool:
    if value is None or value is _Flag.ALONE or value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _member(value: Scalar, annotation: type[enum.Enum]) -> enum.Enum:
    for member in annotation:
        if str(member.value) == str(value):
            return member
    raise ValueError(f"{value!r} is not one of {annotation_text(annotation)}")


def _number(value: Scalar, kind: type) -> object:
    article = "an integer" if kind is int else "a number"
    fraction = kind is int and isinstance(value, float) and not value.is_integer()
    if isinstance(value, bool) or fraction:
        raise ValueError(f"{value!r} is not {article}")
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{value!r} is not {article}") from None


def _changed(item: Pass) -> list[tuple[str, object]]:
    return [
        (field.name, getattr(item, field.name))
        for field in dataclasses.fields(item)
        if field.default is dataclasses.MISSING or getattr(item, field.name) != field.default
    ]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def option_text(value: object) -> str:
    """The value of an option as pipeline text."""
    if isinstance(value, tuple):
        return f"[{','.join(option_text(item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    text = str(value.value) if isinstance(value, enum.Enum) else str(value)
    word = _TOKEN.fullmatch(text)
    if word and word["word"] == text and text != "none":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def options_help(cls: type[Any]) -> Mapping[str, str]:
    """Help sentence of each option, from the string literal under its field."""
    return {_kebab(name): text for name, text in _field_docs(cls).items()}


def _field_docs(cls: type[Any]) -> dict[str, str]:
    import ast
    import inspect
    import textwrap

    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, following in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
                and isinstance(following.value.value, str)
            ):
                docs[statement.target.id] = " ".join(following.value.value.split())
    return docs
