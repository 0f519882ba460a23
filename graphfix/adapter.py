"""What is known of one model besides its graph: its export, surgery, data and metric.

An adapter is data and two small functions. If it needs an ``if``, a pass is missing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from graphfix.contract import Array
from graphfix.errors import UsageError
from graphfix.metrics import Reference, Score
from graphfix.spec import InputSpec


@dataclass(frozen=True)
class Export:
    """How the model comes about: a script that an interpreter of its own may run.

    The script imports nothing of graphfix, so that old frameworks can have an old Python. It is
    called with ``--output FILE --seed N``, then ``--random-weights`` or ``--checkpoint FILE``, then
    ``--upstream FOLDER`` if the user has given one, then ``--NAME VALUE`` for each option. It
    writes the model, prints what a user should know, and exits with 0.
    """

    script: str
    """File name, in the folder of the adapter's module."""
    requires: tuple[str, ...]
    """Modules that the interpreter must be able to import."""
    install: str
    """The command that brings them, such as ``pip install torch==2.13.0``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the script with their defaults, such as ``{"opset": "11"}``."""
    random_weights: bool = True
    """Whether the script can build the network without a checkpoint."""


@dataclass(frozen=True)
class Sample:
    """One run of the model."""

    name: str
    """Names the files of its outputs; unique in a dataset."""
    inputs: Mapping[str, Array]
    """Arrays by input name, of the dtypes and shapes that the inputs declare."""


class Adapter(ABC):
    """Knowledge about one model, registered by name as passes are.

    The docstring says what the model is; the rest is data, and the two functions that read samples
    and compute the figures. Only :meth:`samples` must be there.
    """

    name: ClassVar[str]
    upstream: ClassVar[str] = ""
    """Where the model comes from: repository, commit, configuration, checkpoint."""
    export: ClassVar[Export | None] = None
    pipeline: ClassVar[str] = "auto"
    """The passes, as text; ``auto`` alone or at the end chooses by the audit."""
    inputs: ClassVar[tuple[InputSpec, ...]] = ()
    """Shapes with symbols for dims that may change, and the ranges of real data."""
    target: ClassVar[str] = "Ascend310P3"
    cann: ClassVar[str] = "8.5"
    shapes: ClassVar[tuple[str, ...]] = ()
    """Shapes to convert and verify at, such as ``x:1,3,32,100``."""
    input_format: ClassVar[str] = "NCHW"
    """Layout of the inputs for ATC: NCHW, or ND for inputs that are no pictures."""
    precision: ClassVar[str] = ""
    """In the words of ATC's ``--precision_mode_v2``; empty for its default."""
    gears: ClassVar[tuple[str, ...]] = ()
    """Sizes that one converted model offers, as ``convert --gears`` takes them."""
    atc: ClassVar[Mapping[str, str]] = {}
    """Further options of ATC by name without dashes."""
    preprocessing: ClassVar[Mapping[str, object]] = {}
    """How AIPP makes the input of 8-bit pixels, with the keys of ``convert --aipp FILE.yaml``.

    Empty where it cannot."""
    batchsize: ClassVar[int] = 1
    """Samples in one run of the model."""
    reference: ClassVar[Reference | None] = None
    """What the original reaches on its whole dataset, and how far the port may fall behind."""

    @abstractmethod
    def samples(self, data: Path) -> Iterable[Sample]:
        """The data in ``data`` (a folder or one file), such as pictures, as inputs of the model.

        Made one at a time, since verification takes only a few.

        Raises:
            UsageError: the data are not there or not in the layout of the dataset.
        """

    def score(self, outputs: Path, data: Path) -> Score:
        """Post-process the outputs of the model and compute its figures.

        ``outputs`` holds ``<sample>_<k>.npy`` for the k-th output of each sample; ``data`` is what
        :meth:`samples` was given.

        Raises:
            UsageError: the adapter has no metric, or outputs and data do not fit.
        """
        raise UsageError(f"the adapter {self.name!r} has no metric")

    def tiny(self, folder: Path) -> None:
        """Write a small dataset in the layout of the real one, to try the whole chain with.

        Raises:
            UsageError: the adapter has none.
        """
        raise UsageError(f"the adapter {self.name!r} has no small dataset; give --dataset FOLDER")
