"""``--input_shape``: the text of ATC, and what it means.

Source: hicann/ge: compiler/api/aclgrph/option_utils.cc (ParseInputShape, SplitInputShape,
CheckAndTransferInputShapeToRange, ParseShapeRangePair).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from graphfix.atc.errors import FlagValueError

OPEN: Final = -1
"""A dim that gears fill in or, without gears, that may have any size."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_RANGE: Final = re.compile(r"([0-9]{1,18})~([0-9]{1,18}|-1)")


@dataclass(frozen=True)
class Range:
    """A dim that may have any size from ``low`` to ``high``, both included."""

    low: int
    high: int | None
    """``None`` for no limit."""

    def __str__(self) -> str:
        return f"{self.low}~{OPEN if self.high is None else self.high}"


ShapeDim = int | Range


@dataclass(frozen=True)
class InputShape:
    """The shape of one input; a scalar has no dims."""

    name: str
    """Empty where inputs are given by position."""
    dims: tuple[ShapeDim, ...]

    def __str__(self) -> str:
        dims = ",".join(map(str, self.dims))
        return f"{self.name}:{dims}" if self.name else dims

    @property
    def open_axes(self) -> tuple[int, ...]:
        """Where a dim is ``-1``."""
        return tuple(axis for axis, dim in enumerate(self.dims) if dim == OPEN)

    @property
    def has_range(self) -> bool:
        """Whether a dim is a range."""
        return any(isinstance(dim, Range) for dim in self.dims)


def parse_input_shape(text: str) -> tuple[InputShape, ...]:
    """Read ``a:1,3,224,224;b:1~10,-1``; a scalar is ``a:``. Names may be left out altogether.

    A name may hold ``:`` (the last one counts), but no ``;``.

    Raises:
        FlagValueError: E10002 where ATC cannot read it, E10011 for a size below 1, E10048 for a
            range that is none.
    """
    parts = [part for part in text.split(";") if part.strip()]
    if not parts:
        raise FlagValueError("E10004", "it is empty")
    named = [":" in part for part in parts]
    if any(named) and not all(named):
        part = parts[named.index(False)]
        raise FlagValueError("E10002", f"{part!r} has no name, others have; write name:{part}")
    return tuple(_one(part) for part in parts)


def format_input_shape(shapes: Iterable[InputShape]) -> str:
    """Write it as ATC reads it."""
    return ";".join(map(str, shapes))


def _one(part: str) -> InputShape:
    name, colon, dims = part.rpartition(":")
    if colon and not name.strip():
        raise FlagValueError("E10002", f"{part!r} has no name before the colon")
    if colon and not dims.strip():
        return InputShape(name.strip(), ())
    return InputShape(name.strip(), tuple(_dim(dim.strip(), part) for dim in dims.split(",")))


def _dim(text: str, part: str) -> ShapeDim:
    if found := _RANGE.fullmatch(text):
        low, high = int(found[1]), int(found[2])
        if high != OPEN and high < low:
            raise FlagValueError("E10048", f"{part!r}: the range {text} ends before it begins")
        return Range(low, None if high == OPEN else high)
    if "[" in text or "]" in text:
        raise FlagValueError(
            "E10048", f"{part!r}: brackets belong to --input_shape_range; leave them out"
        )
    if "~" in text:
        raise FlagValueError("E10048", f"{part!r}: {text!r} is no range; write 1~10 or 1~-1")
    if not _INTEGER.fullmatch(text):
        raise FlagValueError("E10002", f"{part!r}: {text!r} is not a whole number")
    size = int(text)
    if size < OPEN or size == 0:
        raise FlagValueError("E10011", f"{part!r}: {text} is no size; sizes start at 1")
    return size
