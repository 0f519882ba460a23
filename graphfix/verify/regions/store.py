"""The values around rewrite sites on every feed set; on disk beyond a memory budget."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

BUDGET = 256 << 20
"""Bytes of cached values held in memory; what comes after goes to a temporary folder."""


class ValueStore:
    """Arrays by name and number of the feed set."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._arrays: dict[tuple[str, int], Any] = {}
        self._files = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def put(self, name: str, k: int, array: Any) -> None:
        """Keep an array; the caller must not change it afterwards."""
        if array.nbytes > self._left and array.dtype.kind in "fciub" and array.ndim:
            array = self._on_disk(array)
        else:
            self._left -= array.nbytes
        self._arrays[name, k] = array

    def get(self, name: str, k: int) -> Any:
        """The array, perhaps mapped from disk."""
        return self._arrays[name, k]

    def __contains__(self, name: str) -> bool:
        return (name, 0) in self._arrays

    def close(self) -> None:
        """Let go of everything."""
        self._arrays.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def _on_disk(self, array: Any) -> Any:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="graphfix-")
        self._files += 1  # never the same file again: the old array may still be mapped from it
        path = Path(self._folder.name) / f"{self._files}.npy"
        np.save(path, array, allow_pickle=False)
        return np.load(path, mmap_mode="r")
