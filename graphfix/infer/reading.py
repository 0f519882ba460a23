"""How the values of a command line are read: numbers, flags, files, shapes."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from graphfix.errors import UsageError
from graphfix.infer.errors import InferError
from graphfix.infer.gears import Batch, FromFiles, Gear, Picture, Static, parse_dims

_TRUE: Final = frozenset(("yes", "true", "t", "y", "1"))
_FALSE: Final = frozenset(("no", "false", "f", "n", "0"))
_MAX_INPUTS: Final = 1024
_MAX_DEVICES: Final = 256


class CommandLineError(UsageError):
    """The command line cannot be read at all; ais_bench exits with 2."""


class HelpWanted(Exception):
    """``--help`` was given; the message is the help."""


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaints are errors of graphfix."""

    def error(self, message: str) -> NoReturn:
        """Raise it, with where help is."""
        raise CommandLineError(f"{message}; '{self.prog} --help' lists the options")


def boolean(text: str) -> bool:
    """Yes, true, t, y, 1, or their opposites, in any case."""
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def integer(low: int, high: int) -> Callable[[str], int]:
    """A reader of integers from ``low`` to ``high``, both included."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not in {low} to {high}")
        return value

    return read


def device_list(text: str) -> tuple[int, ...]:
    """Numbers of devices, separated by commas."""
    devices = tuple(map(integer(0, 255), text.split(",")))
    if len(devices) > _MAX_DEVICES:
        raise argparse.ArgumentTypeError(f"{len(devices)} devices; {_MAX_DEVICES} at most")
    return devices


def byte_sizes(text: str) -> tuple[int, ...]:
    """Sizes in bytes, separated by commas."""
    return tuple(map(integer(1, 1 << 62), text.split(",")))


def model_file(text: str) -> str:
    """A model that is there; for an ``.om`` its ONNX file will do."""
    path = Path(text)
    if path.suffix == ".om" and path.with_suffix(".onnx").is_file():
        return text
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return text


def input_entries(text: str) -> tuple[str, ...]:
    """Files or folders that are there, separated by commas."""
    entries = tuple(each for each in text.split(",") if each)
    if not entries:
        raise argparse.ArgumentTypeError("names no file and no folder")
    if len(entries) > _MAX_INPUTS:
        raise argparse.ArgumentTypeError(
            f"{len(entries)} files, {_MAX_INPUTS} at most; put them into a folder"
        )
    for each in entries:
        if not os.path.exists(each):
            raise argparse.ArgumentTypeError(f"{each}: no such file or folder")
    return entries


def gear_of(given: argparse.Namespace) -> Gear:
    """What the options say about dynamic dims.

    Raises:
        InferError: several of them are given, or one is not understood.
    """
    gears: dict[str, Gear] = {}
    if given.dymBatch:
        gears["--dymBatch"] = Batch(given.dymBatch)
    if given.dymHW is not None:
        gears["--dymHW"] = _picture(given.dymHW)
    for name in ("dymDims", "dymShape"):
        if (text := getattr(given, name)) is not None:
            gears[f"--{name}"] = parse_dims(text)
    for name in ("auto_set_dymdims_mode", "auto_set_dymshape_mode"):
        if getattr(given, name, False):
            gears[f"--{name}"] = FromFiles()
    if len(gears) > 1:
        raise InferError(f"{' and '.join(gears)} exclude each other; give one of them")
    return next(iter(gears.values()), Static())


def _picture(text: str) -> Picture:
    sizes = text.split(",")
    if len(sizes) != 2 or not all(each.isdecimal() and int(each) > 0 for each in sizes):
        raise InferError(f"--dymHW {text!r} is not height,width, such as 224,224")
    return Picture(int(sizes[0]), int(sizes[1]))
