"""The pair of model and feeds on which a pass fails, saved so that one command fails again."""

import shlex
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.model import save
from graphfix.verify.feeds import FeedSet


def save_reproducer(
    folder: Path, name: str, before: ir.Model, feeds: FeedSet | None, pipeline: str
) -> str:
    """Write ``<name>.onnx`` and ``<name>.npz`` and return the command that runs them.

    ``before`` is the model before the pass called ``name``, ``pipeline`` that pass alone. Without
    feeds (the failure needs no numbers) there is no ``.npz`` and no ``--data``.

    Raises:
        ModelError: the folder or the model cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"{name}.onnx"
    save(before, model)
    command = f"graphfix apply {shlex.quote(str(model))} --passes {shlex.quote(pipeline)}"
    if feeds is None or not feeds.feed:
        return command
    data = folder / f"{name}.npz"
    save_feeds(data, feeds)
    return f"{command} --data {shlex.quote(str(data))}"


def save_feeds(path: Path, feeds: FeedSet) -> None:
    """Write a feed set as ``.npz`` with the input names as keys, readable without pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in feeds.feed.items():
            if isinstance(value, (list, tuple)):
                for k, element in enumerate(value):
                    _write(archive, f"{name}[{k}]", element)
            else:
                _write(archive, name, value)


def _write(archive: zipfile.ZipFile, key: str, value: Any) -> None:
    array = np.asarray(value)
    if array.dtype.kind == "O":
        array = array.astype(np.str_)
    elif array.dtype.kind == "V":
        array = array.view(f"V{array.dtype.itemsize}")  # bfloat16, float8 and int4 as raw bytes
    with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
