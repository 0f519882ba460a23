"""A metric that is computed from files: its name, its options, and what it wants to read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

from graphfix.contract import Array
from graphfix.errors import ModelError, UsageError
from graphfix.metrics.join import join
from graphfix.metrics.judged import Judged
from graphfix.metrics.outputs import Layout, find_outputs, read_output
from graphfix.metrics.score import Score

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Files:
    """Where a metric reads."""

    outputs: Path
    labels: Path
    layout: Layout = field(default_factory=Layout)
    """Of the arrays in ``outputs``, if the metric reads arrays."""


@dataclass(frozen=True)
class Metric(ABC):
    """A metric with its options, which are the fields of the subclass, as those of a pass are."""

    name: ClassVar[str]
    outputs: ClassVar[str]
    """What is expected as OUTPUTS, for people."""
    labels: ClassVar[str]
    """What is expected as labels, for people."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions belong to the figures."""
    reads_arrays: ClassVar[bool] = True
    """Whether OUTPUTS is a folder of arrays, one per sample and output of the model."""

    @abstractmethod
    def evaluate(self, files: Files) -> Score:
        """Read outputs and labels, and compute the figures.

        Raises:
            UsageError: something is missing, cannot be read, or does not fit.
        """


def arrays(files: Files, labels: Mapping[str, T]) -> Iterator[Judged[Array, T]]:
    """Outputs with their labels, each read when it is asked for."""
    found = find_outputs(files.outputs, files.layout.index)
    for pair in join(found, labels, files.labels):
        yield Judged(pair.name, read_output(pair.output, files.layout), pair.truth)


def decoded(
    samples: Iterable[Judged[Array, T]], decode: Callable[[Array], U]
) -> Iterator[Judged[U, T]]:
    """The samples with something else made of their outputs; an error says of which."""
    for sample in samples:
        try:
            output = decode(sample.output)
        except (UsageError, ModelError) as error:
            raise type(error)(f"sample {sample.name}: {error}") from error
        yield Judged(sample.name, output, sample.truth)
