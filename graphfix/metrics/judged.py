"""One thing that is judged: what the model made of it, and what it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from graphfix.errors import UsageError

Output = TypeVar("Output", covariant=True)
Truth = TypeVar("Truth", covariant=True)


@dataclass(frozen=True)
class Judged(Generic[Output, Truth]):
    """The output for one sample beside the truth; ``name`` is for messages."""

    name: str
    output: Output
    truth: Truth


def some(samples: Iterable[Judged[Output, Truth]]) -> Iterator[Judged[Output, Truth]]:
    """The same samples one by one.

    Raises:
        UsageError: there is none, so that nothing can be said.
    """
    sample = None
    for sample in samples:
        yield sample
    if sample is None:
        raise UsageError("there is no sample to evaluate; check the outputs and the labels")
