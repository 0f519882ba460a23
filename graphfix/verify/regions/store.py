"""The values around rewrite sites on every feed set; on disk beyond a memory budget."""

import tempfile
from typing import IO, Any

import numpy as np

from graphfix.errors import UsageError

BUDGET = 256 << 20
"""Bytes of cached values held in memory; what comes after goes to a temporary file."""


class ValueStore:
    """Arrays by name and number of the feed set."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._arrays: dict[tuple[str, int], Any] = {}
        self._file: IO[bytes] | None = None

    def put(self, name: str, k: int, array: Any) -> None:
        """Keep an array; the caller must not change it afterwards."""
        if array.nbytes > self._left and array.dtype.kind in "fciub" and array.size:
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
        if self._file is not None:
            self._file.close()

    def _on_disk(self, array: Any) -> Any:
        """Append it to a file without a name, which goes when the last array of it does.

        Raises:
            UsageError: the temporary folder has no room.
        """
        try:
            return self._appended(np.ascontiguousarray(array))
        except OSError as error:
            raise UsageError(
                f"verification keeps values in {tempfile.gettempdir()}, which takes no more: "
                f"{error}; make room there, or name another folder in the variable TMPDIR"
            ) from error

    def _appended(self, array: Any) -> Any:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # until close()
        start = self._file.seek(0, 2)
        array.tofile(self._file)
        return np.memmap(self._file, array.dtype, "r", start, array.shape)
