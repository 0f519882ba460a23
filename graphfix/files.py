"""Files that appear whole or not at all, and only where a file belongs."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from graphfix.errors import UsageError


def check_destination(path: Path, option: str = "") -> None:
    """Refuse a place where writing a file would do harm or cannot work.

    A file is written by renaming over its name, so that a device, a pipe or a socket of that name
    would be lost. A link is replaced, unless it leads to one of these.

    Raises:
        UsageError: the folder is missing, or the name is taken by something other than a file.
    """
    what = f"{option} {path}".strip()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise UsageError(f"{what}: {error.strerror or error}; choose another name") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise UsageError(f"{what}: is a folder; give a file name in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise UsageError(f"{what}: is a device or a pipe and would be replaced; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"{what}: the folder {path.parent} does not exist; create it first")


def write_file(path: Path, data: str | bytes, option: str = "") -> None:
    """Write ``data`` (text as UTF-8) under a temporary name beside ``path``, then rename it.

    Raises:
        UsageError: see :func:`check_destination`, or the file cannot be written; what was there
            before is unchanged.
    """
    check_destination(path, option)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(temporary, path)
    except OSError as error:
        what = f"{option} {path}".strip()
        raise UsageError(f"{what}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
