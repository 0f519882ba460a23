"""What is known of one model besides its graph: how its real data become inputs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from graphfix.contract import Array


class Adapter(ABC):
    """Knowledge about one model, registered by name as passes are."""

    name: ClassVar[str]

    @abstractmethod
    def samples(self, folder: Path) -> Iterable[Mapping[str, Array]]:
        """The data in ``folder`` (or in one file), such as pictures, as inputs by name.

        One mapping is one run of the model, with arrays of the dtypes and shapes that its inputs
        declare. Only a few are taken, so they are best made one at a time.
        """
