"""Where the bytes of weights are: a file, mapped once for all its tensors, or memory."""

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, overload

from graphfix.errors import ModelError

_CHUNK: Final = 1 << 20
_CANNOT_COPY: Final = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_READ_WHOLE: Final = 32 << 20
_WINDOW: Final = 1 << 14
_COPY_IN_KERNEL: Final = 1 << 18
"""Below this many bytes a plain write from the mapping is faster than a copy by the kernel."""


class Source(Protocol):
    """A run of bytes that does not change while a model refers to it."""

    size: int

    def view(self, offset: int, length: int) -> memoryview:
        """Return ``length`` read-only bytes without copying them where possible."""

    def scan(self) -> "bytes | memoryview | Windows":
        """Return all bytes for one pass over them that skips most."""

    def chunks(self, offset: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes in pieces; a piece is valid until the next one is asked for."""

    def copy_to(self, target: int, offset: int, length: int) -> None:
        """Append the bytes to the file descriptor ``target``."""


class MemorySource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data).toreadonly()
        self.size = len(data)

    def view(self, offset: int, length: int) -> memoryview:
        """Return the bytes, without a copy."""
        return self._data[offset : offset + length]

    def scan(self) -> memoryview:
        """Return all bytes, without a copy."""
        return self._data

    def chunks(self, offset: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes as one piece."""
        yield self.view(offset, length)

    def copy_to(self, target: int, offset: int, length: int) -> None:
        """Write the bytes."""
        write_all(target, self.view(offset, length))


class Windows:
    """A file that is looked at here and there, through a window of a few pages."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start = 0
        self._window = b""

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, slice):
            return os.pread(self._descriptor, key.stop - key.start, key.start)
        offset = key - self._start
        if not 0 <= offset < len(self._window):
            self._start, offset = key, 0
            self._window = os.pread(self._descriptor, _WINDOW, key)
        return self._window[offset]


class FileSource:
    """A file that is opened once and mapped when somebody looks at its numbers.

    Held open, the bytes stay reachable when the file is replaced (saving over it included). A model
    with hundreds of weight files would run out of file descriptors, so the later ones are not held:
    they are opened for each access, and an access to a file that was changed since is an error.

    Raises ``OSError`` when the file cannot be opened.
    """

    def __init__(self, path: Path, *, hold: bool = True) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._mapping: mmap.mmap | None = None
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        status = os.fstat(descriptor)
        self.size = status.st_size
        self._identity = _identity(status)
        if hold:
            self._descriptor = descriptor
        else:
            os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            os.close(self._descriptor)  # type: ignore[arg-type]  # not None, see above

    def view(self, offset: int, length: int) -> memoryview:
        """Return the bytes: a view of the mapping, or a copy for a file that is not held."""
        if self._descriptor is None:
            return memoryview(b"".join(map(bytes, self.chunks(offset, length))))
        if length == 0:
            return memoryview(b"")
        if self._mapping is None:
            self._mapping = mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)
        return memoryview(self._mapping)[offset : offset + length]

    def scan(self) -> "bytes | Windows":
        """Return a small file as it is, and windows on a large one.

        A mapping would do, but the kernel counts up to 2 MB for each byte that is looked at.
        """
        assert self._descriptor is not None, "only the file of the model is scanned, which is held"
        if self.size > _READ_WHOLE:
            return Windows(self._descriptor)
        data = os.pread(self._descriptor, self.size, 0)
        if len(data) < self.size:
            raise ModelError(f"{self.path}: was cut short while it was read")
        return data

    def chunks(self, offset: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes through one small buffer, so that they never pile up in memory."""
        buffer = memoryview(bytearray(min(length, _CHUNK)))
        with self._open() as descriptor:
            while length:
                count = os.preadv(descriptor, [buffer[: min(length, _CHUNK)]], offset)
                if not count:
                    raise ModelError(f"{self.path}: was cut short while it was read")
                yield buffer[:count]
                offset, length = offset + count, length - count

    def copy_to(self, target: int, offset: int, length: int) -> None:
        """Copy the bytes file to file, in the kernel where it can."""
        if length >= _COPY_IN_KERNEL and hasattr(os, "copy_file_range"):
            with self._open() as descriptor:
                done = _copy_range(descriptor, target, offset, length)
            offset, length = offset + done, length - done
        for chunk in self.chunks(offset, length):
            write_all(target, chunk)

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        if self._descriptor is not None:
            yield self._descriptor
            return
        changed = f"{self.path}: changed after the model was loaded; load the model again"
        try:
            descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise ModelError(changed) from error
        try:
            if _identity(os.fstat(descriptor)) != self._identity:
                raise ModelError(changed)
            yield descriptor
        finally:
            os.close(descriptor)


def write_all(target: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of ``data``, however often the system writes less than it was asked for."""
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _copy_range(source: int, target: int, offset: int, length: int) -> int:
    """Return how many bytes the kernel copied: none where it cannot copy between the two."""
    done = 0
    while done < length:
        try:
            count = os.copy_file_range(source, target, length - done, offset + done)
        except OSError as error:
            if done == 0 and error.errno in _CANNOT_COPY:
                return 0
            raise
        if count == 0:
            break
        done += count
    return done


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def is_regular(path: Path) -> bool:
    """Return whether ``path`` is a plain file, links followed."""
    return stat.S_ISREG(path.stat().st_mode)
