"""``--dymShape_range``: several shapes in one text."""

import itertools
import os
from pathlib import Path

from graphfix.infer.errors import InferError

_MAX_SHAPES = 10_000


def expand(text: str) -> tuple[str, ...]:
    """The shapes that a range stands for, each as a text for ``--dymShape``.

    A dim is a number, ``200~224`` (every size, both included), ``200~224~8`` (in steps) or
    ``224-230-240`` (these sizes). Inputs are separated by ``;`` and vary independently, the last
    dim fastest. A file has one range on each line.

    Raises:
        InferError: the text is not understood, the file cannot be read, or there are too many.
    """
    shapes = tuple(shape for line in _lines(text) for shape in _expand_line(line))
    if not shapes:
        raise InferError(f"--dymShape_range {text}: no shape in it")
    return shapes


def _lines(text: str) -> list[str]:
    if not text.endswith(".info") and not os.path.isfile(text):
        return [text]
    try:
        content = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InferError(f"--dymShape_range {text}: cannot be read: {error}") from error
    return [line.strip() for line in content.splitlines() if line.strip()]


def _expand_line(line: str) -> list[str]:
    names, choices = [], []
    for part in filter(None, (each.strip() for each in line.split(";"))):
        name, _, dims = part.rpartition(":")
        if not name:
            raise InferError(f"--dymShape_range: {part!r} is not input_name:1,3,200~224")
        names.append(name)
        choices.append([_sizes(dim, part) for dim in dims.split(",")])
    count = 1
    for sizes in itertools.chain(*choices):
        count *= len(sizes)
    if count > _MAX_SHAPES:
        raise InferError(f"--dymShape_range: {count} shapes in {line!r}; {_MAX_SHAPES} at most")
    per_input = [
        [f"{name}:{','.join(map(str, dims))}" for dims in itertools.product(*sizes)]
        for name, sizes in zip(names, choices, strict=True)
    ]
    return [";".join(shape) for shape in itertools.product(*per_input) if shape]


def _sizes(dim: str, part: str) -> list[int]:
    """The sizes of one dim."""
    try:
        if "~" in dim:
            low, high, *step = map(int, dim.split("~"))
            sizes = list(range(low, high + 1, *step))
        else:
            sizes = [int(each) for each in dim.split("-")]
    except (ValueError, TypeError):
        sizes = []
    if not sizes or min(sizes) < 1:
        raise InferError(
            f"--dymShape_range: dim {dim!r} of {part!r} is not a size, low~high, low~high~step or "
            "a-b-c"
        )
    return sizes
