"""One image of a data set, and what is known about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Truth = TypeVar("Truth", covariant=True)


@dataclass(frozen=True)
class Picture(Generic[Truth]):
    """One image; :func:`~graphfix.datasets.read_image` gives its pixels."""

    name: str
    """Without folder and extension; unique in the data set."""
    image: Path | bytes
    """The image file, or what stands in it."""
    truth: Truth
