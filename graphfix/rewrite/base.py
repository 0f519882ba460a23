"""The pass: a frozen value with a name, options, a contract, and one method that edits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import onnx_ir as ir

from graphfix.contract import Close, Contract
from graphfix.rewrite.records import PassResult
from graphfix.rewrite.select import Expect, Selector


class Target(Protocol):
    """What a pass may ask about the compiler the model is made for."""

    @property
    def name(self) -> str:
        """How reports call it."""

    def accepts(self, op_type: str, opset: int) -> bool | None:
        """Whether the operator compiles at this opset; ``None`` when nobody knows."""


@dataclass(frozen=True)
class PassContext:
    """What a pass may know besides the model."""

    target: Target | None = None
    excluded: Mapping[int, str] = field(default_factory=dict)
    """Anchors a :class:`RewritePass` leaves alone, by their number, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Pass(ABC):
    """A rewrite of a whole model.

    Subclasses are frozen dataclasses; their fields are the options of the pipeline text. They hold
    no other state, are deterministic and idempotent, and edit only the model they are given.
    """

    name: ClassVar[str]
    contract: ClassVar[Contract] = Close()
    example: ClassVar[str] = ""
    """Pipeline text that shows the pass in use, when its bare name does not."""
    must_match: ClassVar[bool] = False
    """Whether a run without any rewrite is an error (unless ``optional`` or ``expect=0``)."""

    after: ClassVar[tuple[str, ...]] = ()
    """Passes that should run before this one when a pipeline is put together; ``"*"`` means all."""

    select: Selector | None = None
    """Which of the matching nodes to rewrite, e.g. "attr.mode=linear & k=0,2,3"."""
    expect: Expect | None = None
    """How many rewrites there must be, e.g. 14 or ">=1"."""
    optional: bool = False
    """Accept that nothing matches."""

    @abstractmethod
    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """Edit ``model`` in place, or return another one; say in the result what was done.

        Raises:
            PassError: the work cannot be done. The manager then discards the model.
        """
