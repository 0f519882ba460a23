"""What the rules look at: one command line, the model it converts, the release it runs on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from graphfix.atc.errors import FlagValueError
from graphfix.atc.flags import FLAGS
from graphfix.atc.gears import GearKind, Gears, parse_gears
from graphfix.atc.model_facts import ModelFacts
from graphfix.atc.shapes import InputShape, parse_input_shape
from graphfix.atc.shell import FoundCommand, unset_variables
from graphfix.atc.words import Words, read_words


@dataclass(frozen=True)
class Request:
    """One command line and what it is held against."""

    command: FoundCommand
    model: ModelFacts
    cann: str
    folder: Path
    """Files of the command are looked for here."""

    @cached_property
    def words(self) -> Words:
        """The command, taken apart."""
        return read_words(self.command.words)

    @cached_property
    def values(self) -> dict[str, str]:
        """Flag to value, for flags that ATC has; the last one counts."""
        return {
            g.flag: g.value for g in self.words.given if g.value is not None and g.flag in FLAGS
        }

    @cached_property
    def converts(self) -> bool:
        """Whether it converts or checks a model; other modes print and translate files."""
        return self.values.get("mode", "0") in ("0", "3", "7", "30") and not self.has("singleop")

    def has(self, flag: str) -> bool:
        """Whether the flag is given and not empty."""
        return bool(self.values.get(flag))

    def text(self, flag: str) -> str | None:
        """The value of a flag; none where it is not given, empty, or holds an unset variable."""
        value = self.values.get(flag)
        return None if not value or unset_variables(value) else value

    @cached_property
    def shape_text(self) -> str | None:
        """``--input_shape``, with 1 for dims that are unset variables.

        Names and ranks can be checked although the size is not known.
        """
        value = self.values.get("input_shape")
        if not value:
            return None
        for name in unset_variables(value):
            for written in (f"${{{name}}}", f"${name}"):
                value = value.replace(f":{written}", ":1").replace(f",{written}", ",1")
        return None if unset_variables(value) else value

    @cached_property
    def shapes(self) -> tuple[InputShape, ...] | None:
        """The shapes, by name where they are given by position; none where ATC cannot read them."""
        if self.shape_text is None:
            return None
        try:
            shapes = parse_input_shape(self.shape_text)
        except FlagValueError:
            return None
        if any(shape.name for shape in shapes):
            return shapes
        names = [value.name for value in self.model.inputs]
        names += [""] * (len(shapes) - len(names))
        return tuple(
            InputShape(name, shape.dims) for name, shape in zip(names, shapes, strict=False)
        )

    @cached_property
    def gear_kinds(self) -> tuple[GearKind, ...]:
        """The kinds of gears that are given, one at most in a right command."""
        return tuple(kind for kind in GearKind if self.has(kind.value))

    @cached_property
    def gears(self) -> Gears | None:
        """The gears where there is one kind that ATC can read."""
        if len(self.gear_kinds) != 1:
            return None
        text = self.text(self.gear_kinds[0].value)
        if text is None:
            return None
        try:
            return parse_gears(self.gear_kinds[0], text)
        except FlagValueError:
            return None

    def file(self, flag: str) -> Path | None:
        """The file that a flag names; none where it is not given."""
        text = self.text(flag)
        return None if text is None else self.folder / text
