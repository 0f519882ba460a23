"""A line on the terminal that says what is running; silent in a pipe."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from graphfix.manager import Observer, Step

if TYPE_CHECKING:
    from rich.status import Status


class Progress(Observer):
    """Names the pass that runs, on stderr."""

    def __init__(self) -> None:
        self._status: Status | None = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("loading")

    def __enter__(self) -> "Progress":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def before(self, step: Step) -> None:
        """Name the pass."""
        self.say(f"{step.item.name}: running")

    def after(self, step: Step) -> None:
        """Say that its result is being verified."""
        self.say(f"{step.item.name}: verifying")

    def say(self, text: str) -> None:
        """Show ``text`` as what is being done."""
        if self._status is not None:
            self._status.update(text)
