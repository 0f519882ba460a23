"""What ais_bench does without a word, and a user may not want."""

import os
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from graphfix.infer.samples import SAMPLE_SUFFIXES, sample_stem
from graphfix.infer.tensors import Array, TensorDesc


def file_doubts(
    entries: Sequence[str], lists: Sequence[Sequence[str]], *, whole_stem: bool = False
) -> list[str]:
    """Doubts about which files are taken, how they are paired, and what their outputs are called.

    ``whole_stem`` when outputs are named after the whole stem, not up to its first dot.
    """
    found = []
    stems = Counter(sample_stem(file, whole=whole_stem) for file in lists[0])
    if doubled := {stem: count for stem, count in stems.items() if count > 1}:
        stem, count = next(iter(doubled.items()))
        found.append(
            f"{sum(doubled.values())} files share {len(doubled)} output name(s), so that the last "
            f"one stays: {count} write {stem}_0 (a name counts up to its first dot); rename them"
        )
    used = len(lists) * len(lists[0])
    given = sum(map(len, lists))
    if given > used:
        found.append(
            f"{given - used} of {given} files are left out: there are {len(lists[0])} for the "
            f"first of {len(lists)} inputs"
        )
    for files in lists[1:]:
        found += _strange_pairs(lists[0], files)
    for folder in filter(os.path.isdir, entries):
        others = [name for name in os.listdir(folder) if not name.endswith(SAMPLE_SUFFIXES)]
        if others:
            found.append(
                f"{folder}: {len(others)} name(s) such as {min(others)} are left out; samples end "
                "in .bin or .npy"
            )
    return found


def data_doubt(data: Array, file: str, desc: TensorDesc) -> str | None:
    """Say when the bytes of a sample look like other numbers than the input takes."""
    takes = f"input {desc.name!r} takes {desc.datatype.name}"
    if file.lower().endswith(".npy"):
        # numpy saves the types that it does not know itself, such as bfloat16, as plain bytes
        plain = data.dtype.kind == "V" and data.dtype.itemsize == desc.datatype.itemsize
        if data.dtype != desc.datatype and not plain:
            return (
                f"{file} holds {data.dtype.name} ({data.dtype.str}), {takes}: the bytes are taken "
                f"as they are, not converted; save it with .astype(np.{desc.datatype.name})"
            )
        if not data.flags.c_contiguous:
            return (
                f"{file} is in Fortran's order; here it is read by its values, but ais_bench takes "
                "the bytes in their order: save it with np.ascontiguousarray"
            )
        return None
    if desc.datatype not in (np.float32, np.float64) or data.nbytes % desc.datatype.itemsize:
        return None
    numbers = np.abs(data.view(desc.datatype))
    if not numbers.any() or not bool((numbers < np.finfo(desc.datatype).tiny).all()):
        return None
    return (
        f"{file}: {takes}, but every number in it is below {np.finfo(desc.datatype).tiny:.2g}: "
        "these look like integers; convert them before they are saved"
    )


def _strange_pairs(first: Sequence[str], other: Sequence[str]) -> list[str]:
    """Files are paired by position; say where the last numbers in their names disagree."""
    for a, b in zip(first, other, strict=False):
        numbers = [re.findall(r"[0-9]+", sample_stem(file))[-1:] for file in (a, b)]
        if all(numbers) and int(numbers[0][0]) != int(numbers[1][0]):
            return [f"{a} is run together with {b}: files are paired by their position, not name"]
    return []
