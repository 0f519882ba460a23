"""What looks on while passes run: verification, timing, saved intermediates, reproducers."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from graphfix.errors import NumericsError, PassCrash, PassError, RewriteError, StructureError
from graphfix.manager import Observer, Step
from graphfix.model import save
from graphfix.verify import (
    Status,
    Verification,
    Verifier,
    problems,
    save_reproducer,
    structure,
)


class CheckStructure(Observer):
    """Holds every pass to a valid graph; what was wrong at the start is no pass's fault."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def start(self, model: ir.Model) -> None:
        """Remember what is wrong with the source."""
        self._known = problems(model)

    def after(self, step: Step) -> None:
        """Raise ``StructureError`` when the pass left an invalid graph."""
        assert step.result is not None
        try:
            structure(step.result.model, known=self._known)
        except StructureError as error:
            raise StructureError(f"{step.item.name}: {error}") from error

    def finish(self, model: ir.Model) -> None:
        """The last pass was checked already."""


class VerifyNumerics(Observer):
    """Holds every pass, and then the whole pipeline, to the numbers.

    A verdict may come later than its pass; ``steps`` has them all when the run is over.
    """

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self.steps: dict[int, Verification] = {}
        self.final: Verification | None = None
        self._names: dict[int, str] = {}

    def start(self, model: ir.Model) -> None:
        """Run the original model."""
        self.steps, self.final = {}, None
        self.verifier.start(model)

    def after(self, step: Step) -> None:
        """Compare the model after the pass with the model before it, under the contract."""
        assert step.result is not None
        self._names[step.index] = step.item.name
        self.steps[step.index] = self.verifier.check(
            step.result, before=step.before, again=step.again, index=step.index
        )
        self._take_settled()
        self._hold(step.index)

    def finish(self, model: ir.Model) -> None:
        """Compare the final model with the original one."""
        self.verifier.settle(model)
        self._take_settled()
        self.final = self.verifier.finish(model)
        if self.final.status is Status.FAILED:
            raise NumericsError(f"the whole pipeline: {self.final.reason}")

    def _take_settled(self) -> None:
        late = self.verifier.settled()
        self.steps.update(late)
        for index in sorted(late):
            self._hold(index, late=True)

    def _hold(self, index: int, *, late: bool = False) -> None:
        verification = self.steps[index]
        if verification.status is not Status.FAILED:
            return
        message = f"{self._names[index]}: {verification.reason}"
        if late or verification.blame:
            raise RewriteError(message, index, verification.blame)
        raise NumericsError(message)


class Timing(Observer):
    """Wall-clock seconds of each pass without what other instrumentations do; put it first."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self._started = 0.0

    def before(self, step: Step) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def after(self, step: Step) -> None:
        """Stop the clock."""
        self.seconds[step.index] = time.perf_counter() - self._started

    def failed(self, step: Step, error: PassError) -> None:
        """Stop the clock if the pass itself failed."""
        self.seconds.setdefault(step.index, time.perf_counter() - self._started)


class SaveAll(Observer):
    """Saves the model after each pass as ``NN-<pass>.onnx`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[Path] = []

    def start(self, model: ir.Model) -> None:
        """Save the source, as ``00-source.onnx``."""
        self.written += save(model, self.folder / "00-source.onnx")

    def after(self, step: Step) -> None:
        """Save the model after the pass."""
        assert step.result is not None
        path = self.folder / f"{step.index + 1:02}-{_file_stem(step.item.name)}.onnx"
        self.written += save(step.result.model, path)


class Reproduce(Observer):
    """On a failure, saves the model before the pass and the feeds that showed it."""

    def __init__(self, folder: Path, verifier: Verifier, flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self.verifier = verifier
        self.flags = tuple(flags)
        """Options of the run that the command must repeat, such as ``--plugin``."""
        self.commands: dict[int, str] = {}

    def failed(self, step: Step, error: PassError) -> None:
        """Save the pair and remember the command that fails in the same way.

        A pass that refused its work says so on the original too, and needs no pair.
        """
        if step.result is None and not isinstance(error, PassCrash):
            return
        name = _file_stem(step.item.name)
        command = save_reproducer(
            self.folder, name, step.before(), self.verifier.failing_feeds, step.text
        )
        self.commands[step.index] = shlex.join([*shlex.split(command), *self.flags])


def _file_stem(name: str) -> str:
    """The name of a pass where some systems allow no colon."""
    return name.replace(":", "-")
