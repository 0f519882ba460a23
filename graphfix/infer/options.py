"""What a run is asked for: the options of ais_bench as values."""

import os
from dataclasses import dataclass, field
from enum import Enum

from graphfix.infer.errors import InferError
from graphfix.infer.gears import FromFiles, Gear, Static


class OutFormat(Enum):
    """``--outfmt``: how outputs are written; the value is also the suffix, in lower case."""

    BIN = "BIN"
    """Raw bytes."""
    NPY = "NPY"
    TXT = "TXT"
    """Numbers, a line for each row of the last dim."""


class RunMode(Enum):
    """``--run_mode``: how data reach the device; here it only decides which files are taken."""

    ARRAY = "array"
    FILES = "files"
    """Files of raw bytes only."""
    TENSOR = "tensor"
    FULL = "full"


class Contract(Enum):
    """The release of ais_bench whose file names and summary are wanted, by its year."""

    AIS_2022 = "2022"
    """``sumary.json`` (so spelt) inside the folder, with the throughput last."""
    AIS_2023 = "2023"
    """Folders ``device0``; the files are always divided among the devices."""
    AIS_2025 = "2025"
    """Folders ``device0_0``; every device runs all files, unless ``--divide_input``."""


@dataclass(frozen=True)
class Options:
    """One command line of ais_bench, checked as far as that needs no model."""

    model: str
    inputs: tuple[str, ...] = ()
    """Files, or one folder for each input of the model; none to run on made-up data."""
    output: str | None = None
    """Folder for the results; nothing is saved without it."""
    output_dirname: str | None = None
    outfmt: OutFormat = OutFormat.BIN
    loop: int = 1
    """How often each group of samples is run."""
    debug: bool = False
    devices: tuple[int, ...] = (0,)
    gear: Gear = field(default_factory=Static)
    shape_range: str | None = None
    """Several shapes to run one after the other; see :mod:`graphfix.infer.ranges`."""
    output_sizes: tuple[int, ...] = ()
    """Bytes that an NPU reserves for each output of a model of dynamic shape."""
    batchsize: int | None = None
    """Samples in a run, for the throughput alone; None to read it off the shapes."""
    random: bool = False
    """Made-up data are random bytes instead of zeros."""
    output_axis: int = 0
    """The axis along which outputs are divided among the samples of a group."""
    run_mode: RunMode = RunMode.ARRAY
    all_summary: bool = False
    warmup: int = 1
    divide_input: bool = False
    pipeline: bool = False
    threads: int = 1
    profiler: bool = False
    dump: bool = False
    device_only: tuple[str, ...] = ()
    """Options that were given and mean nothing without an NPU."""
    contract: Contract = Contract.AIS_2025
    arguments: tuple[str, ...] = ()
    """The command line as typed; the summary repeats it."""

    def __post_init__(self) -> None:
        """Refuse what ais_bench refuses once all options are read.

        Raises:
            InferError: options contradict each other.
        """
        if self.output_dirname is not None and self.output is None:
            raise InferError("--output_dirname needs --output, the folder it is made in")
        if self.output_dirname is not None and os.path.isabs(self.output_dirname):
            raise InferError(
                f"--output_dirname {self.output_dirname}: give a name inside --output, no full path"
            )
        if self.profiler and self.dump:
            raise InferError("--profiler and --dump exclude each other; give one of them")
        if (self.profiler or self.dump) and self.output is None:
            raise InferError("--profiler and --dump need --output, the folder they write to")

    @property
    def takes_shapes_from_files(self) -> bool:
        """Whether each .npy file sets the shape it is run at."""
        return isinstance(self.gear, FromFiles)
