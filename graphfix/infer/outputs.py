"""Results as files: how they are divided among samples, named and written."""

import io
import os
from pathlib import Path

import numpy as np

from graphfix.files import write_file
from graphfix.infer.errors import InferError
from graphfix.infer.options import OutFormat
from graphfix.infer.tensors import Array


def divide(array: Array, parts: int, axis: int, name: str) -> list[Array]:
    """Split an output into one array for each sample of a full group.

    Raises:
        InferError: there is no such axis (a scalar has none), or its size is no multiple of the
            samples.
    """
    if axis >= array.ndim or array.shape[axis] % parts:
        raise InferError(
            f"save out files error array shape:{list(array.shape)}: output {name!r} cannot be "
            f"divided on axis {axis} among the {parts} sample(s) of a run; choose another axis "
            "with --output_batchsize_axis, or run one sample at a time; a scalar has no axis: give "
            "it one in the model"
        )
    return np.array_split(array, parts, axis=axis)


def write_array(array: Array, path: str, form: OutFormat) -> None:
    """Write an output under its name, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    if form is OutFormat.BIN:
        data = array.tobytes()
    elif form is OutFormat.TXT:
        data = as_text(array).encode("ascii")
    else:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        data = buffer.getvalue()
    write_file(Path(path), data)


def make_folder(path: str) -> None:
    """Make a folder for results, and those above it.

    Raises:
        InferError: it cannot be made.
    """
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
    except OSError as error:
        raise InferError(f"--output: {path} cannot be made: {error.strerror or error}") from error


def as_text(array: Array) -> str:
    """The text form: a line for each row of the last dim, a space after each number.

    Floats have six decimals (``%f``), everything else is an integer.
    """
    inexact = array.dtype.kind == "f" or "float" in array.dtype.name
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1) if array.size else array[:0]
    wide = np.float64 if inexact else np.uint64 if array.dtype.kind == "u" else np.int64
    line = ("%f " if inexact else "%d ") * (rows.shape[-1] if array.size else 0) + "\n"
    return "".join(line % tuple(row) for row in rows.astype(wide).tolist())
