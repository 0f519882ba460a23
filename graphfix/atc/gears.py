"""Gears: the sizes of dynamic inputs that a model is built for, and no others.

Source: hicann/ge: compiler/graph/preprocess/multi_batch_options.cc; the documentation of
``--dynamic_batch_size``, ``--dynamic_image_size`` and ``--dynamic_dims``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from graphfix.atc.errors import FlagValueError

MINIMUM: Final = 2
"""Fewer gears are refused (E10035)."""
MAXIMUM: Final = 100
"""Of the documentation; 256 on Ascend950. The source of 9.1 checks only the minimum."""

_GROUP: Final = re.compile(r"-?[0-9]{1,18}(,-?[0-9]{1,18})*")


class GearKind(Enum):
    """What varies; the value is the flag of ATC."""

    BATCH = "dynamic_batch_size"
    """The first dim of every input that has -1 there."""
    IMAGE = "dynamic_image_size"
    """Height and width of inputs in NCHW."""
    DIMS = "dynamic_dims"
    """Any dims, one value for each -1 in the order of the inputs."""


@dataclass(frozen=True)
class Gears:
    """The values of each gear, in the order of the flag."""

    kind: GearKind
    values: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        if self.kind is GearKind.BATCH:
            return ",".join(str(size) for (size,) in self.values)
        return ";".join(",".join(map(str, gear)) for gear in self.values)


def parse_gears(kind: GearKind, text: str) -> Gears:
    """Read the value of one of the three flags: ``1,4,8`` for batches, else ``h,w;h,w``.

    Raises:
        FlagValueError: E10003 for something else than numbers, E10020 for a picture size without
            two of them, and what :func:`require_gears` says.
    """
    separator = "," if kind is GearKind.BATCH else ";"
    groups = [group.strip() for group in text.split(separator)]
    if groups and not groups[-1]:
        groups.pop()
    for group in groups:
        if not _GROUP.fullmatch(group.replace(" ", "")):
            example = {"batch": "1,4,8"}.get(kind.name.lower(), "224,224;448,448")
            raise FlagValueError("E10003", f"{group!r} is not numbers; write it like {example}")
    gears = Gears(kind, tuple(tuple(int(n) for n in group.split(",")) for group in groups))
    require_gears(gears)
    return gears


def require_gears(gears: Gears) -> None:
    """Refuse gears that ATC refuses whatever the inputs are.

    Raises:
        FlagValueError: E10020, E10035, E10037, E10038 or E10039, with the gear.
    """
    values: Sequence[tuple[int, ...]] = gears.values
    if gears.kind is GearKind.IMAGE:
        for gear in values:
            if len(gear) != 2:
                raise FlagValueError("E10020", f"{_text(gear)} is not a height and a width")
    if len(values) < MINIMUM:
        raise FlagValueError(
            "E10035", f"there is {len(values)} gear, {MINIMUM} are the fewest; use a fixed shape"
        )
    for gear in values:
        if len(gear) != len(values[0]):
            raise FlagValueError(
                "E10037",
                f"gear {_text(gear)} has {len(gear)} values, the first one has {len(values[0])}",
            )
        if any(size < 1 for size in gear):
            raise FlagValueError("E10038", f"gear {_text(gear)}: sizes start at 1")
    seen: set[tuple[int, ...]] = set()
    for gear in values:
        if gear in seen:
            raise FlagValueError("E10039", f"gear {_text(gear)} is there twice")
        seen.add(gear)


def _text(gear: tuple[int, ...]) -> str:
    return ",".join(map(str, gear))
