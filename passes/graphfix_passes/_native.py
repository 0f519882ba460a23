"""A model through a tool in a child process: what the passes that need one have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from graphfix.contract import Contract, Interface
from graphfix.errors import PassError
from graphfix.rewrite.restore import map_tensors
from graphfix.sandbox import MEBIBYTE, Ending, Outcome, run_isolated, signal_name


@dataclass(frozen=True)
class Tool:
    """How the messages name a tool, its pass, and what to do about its limits."""

    name: str
    pass_name: str
    less: str
    """What makes it take less memory, besides allowing more."""
    advice: str
    """What may help when it fails."""

    def run(
        self,
        script: str,
        options: str,
        *,
        folder: Path,
        timeout: int,
        memory: int,
        python: Path | None = None,
        expected: Sequence[int] = (),
    ) -> Outcome:
        """Run the child's ``script`` in ``folder``, with one argument, until it has succeeded.

        ``expected`` are exit statuses besides 0 that are no failure but an answer.

        Raises:
            PassError: it failed or ran into a limit: ``timeout`` in seconds, ``memory`` in MiB.
            ToolError: ``python`` cannot be started.
        """
        outcome = run_isolated(
            script, [options], folder=folder, timeout=timeout, memory=memory, python=python
        )
        answered = outcome.ending is Ending.FAILED and outcome.status in expected
        if outcome.ending is not Ending.DONE and not answered:
            raise PassError(self._failure(outcome, timeout, memory))
        return outcome

    def _failure(self, outcome: Outcome, timeout: int, memory: int) -> str:
        if outcome.ending is Ending.TIMEOUT:
            return (
                f"{self.name} was stopped after {timeout} s; allow more with "
                f"{self.pass_name}{{timeout=...}}"
            )
        if outcome.ending is Ending.MEMORY:
            return (
                f"{self.name} was stopped when it took more than {memory} MiB of memory; allow "
                f"more with {self.pass_name}{{memory=...}}{self.less}"
            )
        how = "failed"
        if outcome.ending is Ending.CRASHED:
            how = f"crashed ({signal_name(outcome.status)})"
        return f"{self.name} {how}; {self.advice}; it said last:\n{outcome.last_lines()}"


def memory_limit(model: ir.Model, wanted: int) -> int:
    """The limit in MiB: ``wanted``, or when it is 0 what a tool may take for a model so large."""
    return wanted or 4096 + 6 * sum(tensor.nbytes for tensor in _tensors(model)) // MEBIBYTE


def detach(model: ir.Model, before: ir.Model) -> None:
    """Read what is new in ``model`` into memory, because its file will be gone."""
    old = {id(tensor) for tensor in _tensors(before)}

    def held(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        if id(tensor) in old or tensor.dtype == ir.DataType.STRING:
            return tensor
        return ir.Tensor(np.array(tensor.numpy()), dtype=tensor.dtype, name=tensor.name)

    map_tensors(model.graph, held)


def give_defaults(after: ir.Model, before: ir.Model, names: Sequence[str]) -> None:
    """Give inputs their initializers back, which a tool would have taken for constants."""
    for value in [v for v in after.graph.inputs if v.name in names]:
        value.const_value = before.graph.initializers[value.name or ""].const_value
        after.graph.register_initializer(value)


def retyped(model: ir.Model, base: Contract) -> Interface:
    """The contract of a model whose inputs and outputs kept their names, not all their types."""
    return Interface(
        outputs={value.name or "": value.name or "" for value in model.graph.outputs},
        inputs={value.name or "": value.name or "" for value in model.graph.inputs},
        base=base,
    )


def _tensors(model: ir.Model) -> Sequence[ir.TensorProtocol]:
    found: list[ir.TensorProtocol] = []

    def note(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        found.append(tensor)
        return tensor

    map_tensors(model.graph, note)
    return found
