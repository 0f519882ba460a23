"""Real samples: npz, npy and raw bin files, or what an adapter makes of its data.

Nothing is ever unpickled.
"""

import re
import zipfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from graphfix.adapter import Adapter
from graphfix.contract import Array
from graphfix.errors import GraphfixError, PluginError, UsageError
from graphfix.verify.dtypes import numpy_dtype
from graphfix.verify.feeds import FeedSet
from graphfix.verify.inputs import ModelInput

MAX_SAMPLES = 8
"""Samples read from a folder at most; each costs one run of every model state."""


_NO_BIN = ("string", "int4", "uint4", "int2", "uint2", "float4e2m1")


def load_data(
    path: Path, inputs: Sequence[ModelInput], adapter: Adapter | None = None
) -> tuple[FeedSet, ...]:
    """Read the feeds in ``path``, which ``adapter`` understands if there is one, else:

    * ``sample.npz``: keys are input names (``name[0]``, ``name[1]`` … for a sequence input);
    * ``x.npy`` or ``x.bin`` for a model with one input;
    * a folder of such files, one sample each; or one file per input, called ``<input>.npy`` or
      ``<input>.bin`` (in a file name ``/`` and ``:`` of the input's name are ``_``).

    A ``.bin`` holds the raw little-endian numbers of the input's dtype and shape; one symbolic dim
    is worked out from the file's size.

    Raises:
        UsageError: a file is missing, cannot be read, or does not fit the inputs.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder of samples")
    if adapter is not None:
        return _adapted(path, inputs, adapter)
    if path.is_file():
        return (_sample(path, inputs),)
    files = sorted(f for f in path.iterdir() if f.suffix in (".npz", ".npy", ".bin"))
    if not files:
        raise UsageError(f"{path}: no .npz, .npy or .bin file in this folder")
    per_input = {_file_stem(item.spec.name): item for item in inputs}
    named = [file for file in files if file.suffix != ".npz" and file.stem in per_input]
    if named:
        feed = {per_input[f.stem].spec.name: _read(f, per_input[f.stem]) for f in named}
        return (_complete(path, feed, inputs),)
    return tuple(_sample(file, inputs) for file in files[:MAX_SAMPLES])


def _adapted(path: Path, inputs: Sequence[ModelInput], adapter: Adapter) -> tuple[FeedSet, ...]:
    try:
        taken = list(islice(adapter.samples(path), MAX_SAMPLES))
    except GraphfixError:
        raise
    except Exception as error:
        raise PluginError(
            f"adapter {adapter.name!r} cannot read {path}: {type(error).__name__}: {error}"
        ) from error
    if not taken:
        raise UsageError(f"{path}: adapter {adapter.name!r} finds no sample in it")
    by_name = {item.spec.name: item for item in inputs}
    found = []
    for sample in taken:
        where = Path(f"{path} (adapter {adapter.name}, sample {sample.name})")
        if unknown := sorted(set(sample.inputs) - set(by_name)):
            names = ", ".join(by_name) or "none"
            raise UsageError(f"{where}: {unknown[0]!r} is not an input; inputs: {names}")
        feed = {
            name: _fit(np.asarray(array), by_name[name], f"{where}: {name!r}")
            for name, array in sample.inputs.items()
        }
        found.append(_complete(where, feed, inputs))
    return tuple(found)


def _file_stem(name: str) -> str:
    return re.sub(r"[/:\\]", "_", name)


def _sample(file: Path, inputs: Sequence[ModelInput]) -> FeedSet:
    if file.suffix == ".npz":
        return _complete(file, _read_npz(file, inputs), inputs)
    if file.suffix not in (".npy", ".bin"):
        raise UsageError(f"{file}: samples are .npz, .npy or .bin files")
    if len(inputs) != 1:
        names = ", ".join(item.spec.name for item in inputs) or "none"
        raise UsageError(
            f"{file}: one array, but the model has {len(inputs)} inputs ({names}); use an .npz "
            "whose keys are the input names"
        )
    return _complete(file, {inputs[0].spec.name: _read(file, inputs[0])}, inputs)


def _read_npz(file: Path, inputs: Sequence[ModelInput]) -> dict[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            found = {key: _member(archive, key, file) for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"{file}: not a readable .npz file: {error}") from error
    feed: dict[str, Any] = {}
    by_name = {item.spec.name: item for item in inputs}
    for key, array in found.items():
        element = re.fullmatch(r"(.+)\[(\d+)\]", key)
        if key in by_name:
            feed[key] = _fit(array, by_name[key], f"{file}: key {key!r}")
        elif element and element[1] in by_name:
            feed.setdefault(element[1], []).append(array)
        else:
            names = ", ".join(by_name) or "none"
            raise UsageError(f"{file}: key {key!r} is not an input; inputs: {names}")
    return feed


def _member(archive: Any, key: str, file: Path) -> Array:
    try:
        array: Array = archive[key]
    except ValueError as error:
        raise UsageError(f"{file}: key {key!r} cannot be read without pickle: {error}") from error
    return array


def _read(file: Path, item: ModelInput) -> Array:
    if file.suffix == ".bin":
        return _read_bin(file, item)
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{file}: not a readable .npy file: {error}") from error
    return _fit(array, item, str(file))


def _read_bin(file: Path, item: ModelInput) -> Array:
    spec = item.spec
    if spec.dtype is None or spec.shape is None or spec.dtype in _NO_BIN:
        raise UsageError(f"{file}: a .bin file needs an input of known dtype and shape")
    flat = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    dtype = numpy_dtype(spec.dtype)
    known = int(np.prod([d for d in spec.shape if isinstance(d, int)], dtype=np.int64))
    free = [axis for axis, d in enumerate(spec.shape) if not isinstance(d, int)]
    count, rest = divmod(flat.size, dtype.itemsize * max(known, 1))
    if rest or len(free) > 1 or (not free and count != 1):
        wanted = ",".join("?" if d is None else str(d) for d in spec.shape)
        raise UsageError(
            f"{file}: {flat.size} bytes do not fit {spec.name}: {spec.dtype}[{wanted}]"
            + ("; give the other dims with --shape" if len(free) > 1 else "")
        )
    shape = tuple(d if isinstance(d, int) else count for d in spec.shape)
    return flat.view(dtype).reshape(shape)


def _fit(array: Array, item: ModelInput, where: str) -> Array:
    """Check dtype and shape; numpy's own strings and raw ml_dtypes bytes are converted."""
    spec = item.spec
    if spec.dtype is not None:
        dtype = numpy_dtype(spec.dtype)
        if spec.dtype == "string" and array.dtype.kind in "US":
            array = array.astype(object)
        elif array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
            array = array.view(dtype)
        if array.dtype != dtype:
            raise UsageError(f"{where} is {array.dtype}, input {spec.name!r} takes {spec.dtype}")
    if spec.shape is not None:
        given = ",".join(map(str, array.shape))
        wanted = ",".join("?" if d is None else str(d) for d in spec.shape)
        fits = len(array.shape) == len(spec.shape) and all(
            not isinstance(d, int) or d == size
            for d, size in zip(spec.shape, array.shape, strict=True)
        )
        if not fits:
            raise UsageError(f"{where} has shape [{given}], input {spec.name!r} takes [{wanted}]")
    return array


def _complete(path: Path, feed: dict[str, Any], inputs: Sequence[ModelInput]) -> FeedSet:
    missing = [item.spec.name for item in inputs if item.spec.name not in feed]
    if missing:
        raise UsageError(f"{path}: no array for input {', '.join(map(repr, missing))}")
    return FeedSet(str(path), feed)
