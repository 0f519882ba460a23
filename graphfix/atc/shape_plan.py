"""From input shapes with named dims, and sizes for the names, to what ATC wants to hear.

``--shape x:N,3,H,W --gears N=1,4,8`` becomes ``--dynamic_batch_size``, sizes for height and width
of pictures ``--dynamic_image_size``, anything else ``--dynamic_dims`` with every combination.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from graphfix.atc.gears import MAXIMUM, GearKind, Gears, require_gears
from graphfix.atc.shapes import OPEN, InputShape, Range
from graphfix.errors import UsageError
from graphfix.spec import Dim, InputSpec, parse_shape

_STEPS: Final = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})(?::([0-9]{1,9}))?")
_TOO_MANY: Final = f"ATC documents at most {MAXIMUM} gears; give fewer sizes"
_RANGE: Final = re.compile(r"([0-9]{1,18})~([0-9]{1,18}|-1)")


@dataclass(frozen=True)
class Choice:
    """The sizes of some dims that vary together, as one ``--gears`` says."""

    names: tuple[str, ...]
    gears: tuple[tuple[int, ...], ...] = ()
    """One size for each name; empty for a range."""
    range: Range | None = None


@dataclass(frozen=True)
class ShapePlan:
    """The value of ``--input_shape``, and the gears if there are any."""

    shapes: tuple[InputShape, ...]
    gears: Gears | None
    input_format: str


def parse_choice(text: str) -> Choice:
    """Read ``N=1,4,8``, ``T=16..512:16``, ``H,W=224,224;448,448`` or the range ``N=1~16``.

    Raises:
        UsageError: it is none of them.
    """
    left, equals, right = text.partition("=")
    names = tuple(name.strip() for name in left.split(","))
    if not equals or not all(names) or not right.strip():
        raise UsageError(f"--gears {text!r} must look like N=1,4,8 or H,W=224,224;448,448")
    if found := _RANGE.fullmatch(right.strip()):
        if len(names) > 1:
            raise UsageError(f"--gears {text!r}: a range is for one dim; write one for each")
        high = None if found[2] == "-1" else int(found[2])
        if high is not None and high < int(found[1]):
            raise UsageError(f"--gears {text!r}: the range ends before it begins")
        return Choice(names, range=Range(int(found[1]), high))
    if len(names) == 1:
        sizes = [size for part in right.split(",") for size in _sizes(part.strip(), text)]
        return Choice(names, tuple((size,) for size in sizes))
    gears = []
    for group in right.split(";"):
        values = [size for part in group.split(",") for size in _sizes(part.strip(), text)]
        if len(values) != len(names):
            raise UsageError(f"--gears {text!r}: {group!r} is not {len(names)} sizes")
        gears.append(tuple(values))
    return Choice(names, tuple(gears))


def _sizes(part: str, text: str) -> Sequence[int]:
    if re.fullmatch(r"[0-9]{1,18}", part) and int(part) > 0:
        return (int(part),)
    found = _STEPS.fullmatch(part)
    if found is None:
        raise UsageError(f"--gears {text!r}: {part!r} is neither a size nor like 16..512:16")
    sizes = range(int(found[1]), int(found[2]) + 1, int(found[3] or 1) or 1)
    if not sizes or sizes[0] < 1:
        raise UsageError(f"--gears {text!r}: {part!r} holds no size")
    if len(sizes) > MAXIMUM:
        raise UsageError(f"--gears {text!r}: {part!r} holds {len(sizes)} sizes; {_TOO_MANY}")
    return sizes


def plan_shapes(
    inputs: Sequence[InputSpec], shapes: Sequence[str], choices: Sequence[Choice]
) -> ShapePlan:
    """Bring the inputs of a model, the shapes of the user and the sizes of names together.

    Raises:
        UsageError: an input or a name that is not there, another rank, a dim without a size, ranges
            beside gears, or gears that ATC would refuse.
    """
    specs = _with_shapes(inputs, shapes)
    sizes: dict[str, Choice] = {}
    for choice in choices:
        for name in choice.names:
            if name in sizes:
                raise UsageError(f"--gears gives {name!r} twice")
            sizes[name] = choice
    _require_used(sizes, specs)
    ranged = [choice for choice in choices if choice.range is not None]
    if ranged and len(ranged) < len(choices):
        raise UsageError("--gears: ATC takes either ranges (N=1~16) or gears (N=1,4,8), not both")
    planned = tuple(
        InputShape(spec.name, tuple(_planned(spec, d, sizes) for d in spec.shape or ()))
        for spec in specs
    )
    gears = _gears(specs, choices) if choices and not ranged else None
    return ShapePlan(planned, gears, _format(specs, gears))


def _with_shapes(inputs: Sequence[InputSpec], shapes: Sequence[str]) -> list[InputSpec]:
    given = dict(parse_shape(part) for text in shapes for part in text.split(";") if part.strip())
    names = [spec.name for spec in inputs]
    for name in given:
        if name not in names:
            raise UsageError(f"--shape: there is no input {name!r}; inputs: {', '.join(names)}")
    found = []
    for spec in inputs:
        shape = given.get(spec.name, spec.shape)
        if shape is None:
            raise UsageError(f"input {spec.name!r} has no shape; add --shape {spec.name}:1,3,…")
        if spec.shape is not None and len(shape) != len(spec.shape):
            raise UsageError(
                f"--shape: input {spec.name!r} has {len(spec.shape)} dims, not {len(shape)}"
            )
        found.append(replace(spec, shape=shape))
    return found


def _require_used(sizes: Mapping[str, Choice], specs: Sequence[InputSpec]) -> None:
    known = {dim for spec in specs for dim in spec.shape or () if isinstance(dim, str)}
    for name in sizes:
        if name not in known:
            names = ", ".join(sorted(known)) or "none; name dims with --shape x:N,3,224,224"
            raise UsageError(f"--gears: no input has a dim {name!r}; dims with a name: {names}")


def _planned(spec: InputSpec, dim: Dim, sizes: Mapping[str, Choice]) -> int | Range:
    if isinstance(dim, int):
        return dim
    if dim is not None and dim in sizes:
        return sizes[dim].range or OPEN
    what = "a dim" if dim is None else f"the dim {dim!r}"
    text = ",".join("?" if d is None else str(d) for d in spec.shape or ())
    raise UsageError(
        f"input {spec.name}:{text} has {what} without a size; give it with --shape, or sizes to "
        "choose from with --gears"
    )


def _gears(specs: Sequence[InputSpec], choices: Sequence[Choice]) -> Gears:
    names = [name for choice in choices for name in choice.names]
    count = math.prod(len(choice.gears) for choice in choices)
    if count > MAXIMUM:
        raise UsageError(f"--gears: these are {count} gears; {_TOO_MANY}")
    combined = [
        dict(zip(names, itertools.chain(*groups), strict=True))
        for groups in itertools.product(*(choice.gears for choice in choices))
    ]
    places = [
        (axis, len(spec.shape or ()), dim)
        for spec in specs
        for axis, dim in enumerate(spec.shape or ())
        if isinstance(dim, str)
    ]
    order = [dim for _, _, dim in places]
    kind = GearKind.DIMS
    if len(names) == 1 and all(axis == 0 for axis, _, _ in places):
        kind, order = GearKind.BATCH, order[:1]
    elif len(names) == 2 and _are_pictures(places):
        kind, order = GearKind.IMAGE, order[:2]
    gears = Gears(kind, tuple(tuple(sizes[name] for name in order) for sizes in combined))
    require_gears(gears)
    return gears


def _are_pictures(places: Sequence[tuple[int, int, str]]) -> bool:
    """Whether the open dims are height and width of NCHW, the same in every input with some."""
    pairs = [(axis, dim) for axis, rank, dim in places if rank == 4]
    height, width = (dim for _, _, dim in places[:2])
    whole = [(2, height), (3, width)] * (len(places) // 2)
    return height != width and len(pairs) == len(places) and pairs == whole


def _format(specs: Sequence[InputSpec], gears: Gears | None) -> str:
    if gears is not None and gears.kind is GearKind.DIMS:
        return "ND"
    ranks = {len(spec.shape or ()) for spec in specs}
    if gears is not None and gears.kind is GearKind.IMAGE:
        return "NCHW"
    return "NCHW" if 4 in ranks else "NCDHW" if 5 in ranks else "ND"
