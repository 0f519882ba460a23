"""Which files a model may keep its weights in.

A model names its data files itself, so the names are not to be trusted. ``location`` must be
relative and without ``..``, and the file it leads to, with all links followed, must lie under the
folder of the model. When the path given for the model is itself a link, as in the caches of model
hubs (``snapshots/x/model.onnx -> ../../blobs/abc``), the folder it leads to is trusted as well:
whoever made that link has put model and data there, and a model file alone cannot make links.
"""

import os
from pathlib import Path
from typing import Final

from graphfix.errors import ModelError
from graphfix.model.sources import FileSource, is_regular

_HELD_OPEN: Final = 64
"""Data files kept open for one model; file descriptors are scarce (often 1024)."""


class ExternalFiles:
    """The external data files of one model, each opened once."""

    def __init__(self, model: Path) -> None:
        self._folder = model.parent
        self._roots = {
            Path(os.path.realpath(model.parent)),
            Path(os.path.realpath(model)).parent,
        }
        self._files: dict[str, FileSource] = {}

    def open(self, location: str) -> FileSource:
        """Return the data file called ``location``; raises ``ModelError`` when it is not safe."""
        if (known := self._files.get(location)) is not None:
            return known
        if not location or "\0" in location or _escapes(location):
            raise ModelError(
                f"external data {location!r} is outside the folder of the model; only files beside "
                f"the model or below are read"
            )
        path = self._folder / location
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(root) for root in self._roots):
            raise ModelError(
                f"external data {location!r} leads to {real}, outside the folder of the model; "
                f"only files beside the model or below are read"
            )
        try:
            if not is_regular(real):
                raise ModelError(f"external data {location!r} is not a plain file")
            source = FileSource(real, hold=len(self._files) < _HELD_OPEN)
        except FileNotFoundError as error:
            raise ModelError(
                f"external data {location!r} is missing; copy it into {self._folder}"
            ) from error
        except OSError as error:
            raise ModelError(
                f"external data {location!r} cannot be read: {error.strerror}"
            ) from error
        self._files[location] = source
        return source


def _escapes(location: str) -> bool:
    parts = location.replace("\\", "/").split("/")
    return ".." in parts or os.path.isabs(location) or location[1:2] == ":" or parts[0] == ""
