"""The files of a run: which there are, how they make groups, and the bytes in them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graphfix.infer.errors import InferError
from graphfix.infer.tensors import Array, TensorDesc

SAMPLE_SUFFIXES: Final = (".npy", ".NPY", ".bin", ".BIN")
"""Of files in a folder that are samples."""

PURE: Final = "pure_infer_data"
"""What made-up data are called, in the summary and in the names of outputs."""


@dataclass(frozen=True)
class Group:
    """The samples of one run of the model."""

    first: int
    """Number of the first sample."""
    files: tuple[tuple[str, ...], ...]
    """For each sample the file of each input."""


@dataclass(frozen=True)
class Plan:
    """All groups of a run."""

    groups: tuple[Group, ...]
    per_group: int
    """Samples that fit into the model at once; a last group with fewer is filled up."""

    @property
    def count(self) -> int:
        """Number of samples."""
        return sum(len(group.files) for group in self.groups)


def list_files(entries: Sequence[str], inputs: Sequence[TensorDesc]) -> tuple[tuple[str, ...], ...]:
    """The files of each input, in the order they are run.

    A folder for each input is sorted naturally: numbers by value, letters in any case. A list of
    files holds first all of input 0, then all of input 1, and so on.

    Raises:
        InferError: the numbers of folders or files do not fit, or a folder holds no samples.
    """
    if not inputs:
        raise InferError("the model has no inputs; leave --input out")
    if os.path.isfile(entries[0]):
        share, rest = divmod(len(entries), len(inputs))
        if rest:
            raise InferError(
                f"fileslist:{len(entries)} intensor:{len(inputs)} not match: give as many files "
                f"for each of {', '.join(each.name for each in inputs)}"
            )
        lists = [tuple(entries[k * share : (k + 1) * share]) for k in range(len(inputs))]
    else:
        if len(entries) != len(inputs):
            raise InferError(
                f"Invalid args. args input dir num:{len(entries)} not equal to model inputs "
                f"num:{len(inputs)}; give a folder for each of "
                f"{', '.join(each.name for each in inputs)}"
            )
        lists = [_folder(each) for each in entries]
    for desc, files in zip(inputs, lists, strict=True):
        if len(files) < len(lists[0]):
            raise InferError(
                f"input {desc.name!r} has {len(files)} file(s), the first input {len(lists[0])}; "
                "there must be one of each for every sample"
            )
    return tuple(lists)


def make_plan(lists: Sequence[Sequence[str]], per_group: int) -> Plan:
    """Divide the samples into groups; there are as many as the first input has files."""
    samples = list(zip(*lists, strict=False))
    starts = range(0, len(samples), per_group)
    groups = (Group(start, tuple(samples[start : start + per_group])) for start in starts)
    return Plan(tuple(groups), per_group)


def samples_in(needed: int, file: str) -> int:
    """How many files like ``file`` fill an input of ``needed`` bytes.

    Raises:
        InferError: no whole number of them.
    """
    size = read_sample(file).nbytes
    if size == 0:
        raise InferError(f"{file}: is empty; the input takes {needed} bytes")
    if needed % size:
        raise InferError(
            f"arg0 tensorsize: {needed} filesize: {size} not match: the input takes {needed} "
            f"bytes, which is no multiple of the {size} in {file}"
        )
    return needed // size


def read_group(group: Group, per_group: int, index: int) -> Array:
    """The data of one input for a group: its files joined along axis 0.

    A group with too few samples is filled up with its first.

    Raises:
        InferError: a file cannot be read, or arrays of different shape do not join.
    """
    files = [sample[index] for sample in group.files]
    arrays = [read_sample(file) for file in files]
    arrays += arrays[:1] * (per_group - len(arrays))
    if len(arrays) == 1:
        return arrays[0]
    try:
        return np.concatenate(arrays)
    except ValueError as error:
        raise InferError(
            f"{files[0]} to {files[-1]} do not join along axis 0: {error}; every file must hold "
            "one sample of the same shape"
        ) from error


def read_sample(file: str) -> Array:
    """The array of an .npy file; bytes (int8) of any other.

    Raises:
        InferError: it cannot be read.
    """
    try:
        if not file.lower().endswith(".npy"):
            return np.fromfile(file, dtype=np.int8)
        # Mapped, so that asking for its size does not read it.
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InferError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise InferError(f"{file}: not a readable .npy file: {error}") from error
    if not isinstance(array, np.ndarray):
        raise InferError(f"{file}: not a readable .npy file but an archive of several arrays")
    return array


def sample_stem(file: str, *, whole: bool = False) -> str:
    """What the outputs of a sample are named after: up to the first dot, or without the suffix."""
    name = os.path.basename(file)
    return os.path.splitext(name)[0] if whole else name.split(".")[0]


def _folder(path: str) -> tuple[str, ...]:
    try:
        names = [name for name in os.listdir(path) if name.endswith(SAMPLE_SUFFIXES)]
    except OSError as error:
        raise InferError(f"{path}: cannot be listed: {error.strerror or error}") from error
    if not names:
        raise InferError(f"{path}: no .npy or .bin file in this folder")
    return tuple(os.path.join(path, name) for name in sorted(sorted(names), key=_natural))


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"([0-9]+)", name)]
