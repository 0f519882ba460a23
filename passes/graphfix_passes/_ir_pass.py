"""Passes that are written for onnx-ir by others, held to contracts like any other."""

import contextlib
import logging
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import onnx_ir as ir

from graphfix.contract import Contract, Exact, Interface
from graphfix.errors import GraphfixError, PassError
from graphfix.model import diff, infer_shapes
from graphfix.rewrite import Pass, PassContext, PassResult, Rewrite
from graphfix.rewrite.restore import restore

_FREE_INITIALIZERS = 4
"""The first version of the format in which an initializer need not be an input."""
_TALKATIVE = ("onnx_ir", "onnxscript")
"""Loggers that tell of every node that is left alone."""


@dataclass(frozen=True, kw_only=True)
class IrPass(Pass):
    """A pass that onnx-ir brings along, or that is written for it."""

    contract: ClassVar[Contract] = Exact()
    reads_shapes: ClassVar[bool] = False
    """Whether it finds more with types and shapes, which are inferred then."""

    @abstractmethod
    def tool(self) -> Any:
        """A new ``onnx_ir.passes.PassBase``; onnxscript's passes have no types."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Run the foreign pass; what it has changed is seen by comparison.

        Raises:
            PassError: ``select`` is given, or the pass failed.
        """
        if self.select is not None:
            raise PassError("this pass takes the whole model; remove select=")
        before = model.clone()
        if self.reads_shapes:
            infer_shapes(model)
        try:
            with _quiet():
                outcome = self.tool()(model)
                copy = outcome.model.clone()  # restore() edits what it looks at
        except GraphfixError:
            raise
        except Exception as error:  # what it raises is its own choice
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            raise PassError(f"{type(cause).__name__}: {cause}") from error
        if not outcome.modified:  # what it has written down in passing, such as types, goes
            return PassResult(before, self.contract)
        after: ir.Model = outcome.model
        if any(not value.is_graph_input() for value in after.graph.initializers.values()):
            after.ir_version = max(after.ir_version, _FREE_INITIALIZERS)
        copy.ir_version = after.ir_version
        rewrites = restore(before, copy, unedited=before.clone()).rewrites
        return PassResult(
            after, self._contract(after, before), rewrites or tuple(_others(before, after))
        )

    def _contract(self, after: ir.Model, before: ir.Model) -> Contract:
        old, new = ([v.name or "" for v in model.graph.inputs] for model in (before, after))
        if old == new:
            return self.contract
        return Interface(
            outputs={v.name or "": v.name or "" for v in after.graph.outputs},
            inputs=dict(zip(new, old if len(old) == len(new) else new, strict=True)),
            base=self.contract,
        )


def _others(before: ir.Model, after: ir.Model) -> Iterator[Rewrite]:
    """Changes of what is not a node of the main graph, one line each."""
    for line in diff(before, after).lines():
        yield Rewrite("", "", (), (), (), (), note=line)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
