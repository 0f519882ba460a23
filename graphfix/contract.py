"""What "still correct" means after a pass: the promise, not the comparison.

The verifier holds a pass to its contract; ``graphfix.verify.compare`` does the arithmetic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Contract:
    """Base of all contracts; ``label`` is how reports name it."""

    @property
    def label(self) -> str:
        """Short text for tables, such as ``close(rtol=1e-05)``."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Exact(Contract):
    """Bit for bit the same values (NaN in the same places)."""


@dataclass(frozen=True)
class Close(Contract):
    """Reordered arithmetic: ``|after - before| <= atol + rtol * |before|``, element by element.

    ``None`` takes the tolerance of the tensor's dtype (``graphfix.verify.compare``). Integer and
    bool tensors are compared exactly under every ``Close``.
    """

    rtol: float | None = None
    atol: float | None = None

    @property
    def label(self) -> str:
        """Name with the tolerances that differ from the dtype's own.

        ``equal`` differs from ``exact`` in that 0 and -0 are the same.
        """
        if self.rtol == self.atol == 0:  # EQUAL
            return "equal"
        parts = [
            f"{k}={v:g}" for k, v in (("rtol", self.rtol), ("atol", self.atol)) if v is not None
        ]
        return f"close({', '.join(parts)})" if parts else "close"


EQUAL: Final = Close(rtol=0.0, atol=0.0)
"""The same numbers, where 0 and -0 are the same."""


@dataclass(frozen=True)
class InRange(Contract):
    """Equal while integers fit the narrower type; compared as :class:`Exact`.

    ``narrowed`` maps each value of the model after that has a narrower type to the value of the
    model before it stands for. The verifier looks at the numbers these have in every run, and
    derives bounds where it can; a number that does not fit fails the pass.
    """

    narrowed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Approximate(Contract):
    """A different function on purpose, as near to the old one as is stated for every output.

    ``cosine`` is the least cosine similarity of the flattened tensors, ``relative`` the largest
    relative error ``norm(after - before) / norm(before)`` (2-norms; ``None`` sets no limit). A
    cosine does not feel a factor, a relative error does.
    """

    cosine: float = 0.99
    relative: float | None = None

    @property
    def label(self) -> str:
        """Name with what must be reached."""
        limit = "" if self.relative is None else f", relative<={self.relative:g}"
        return f"approximate(cosine>={self.cosine:g}{limit})"


@dataclass(frozen=True)
class Substitution:
    """A value that has no counterpart in the model before, and what it must be instead.

    ``reference`` takes the arrays of ``inputs`` in order and returns the array ``output`` must
    hold; it is independent of the nodes the pass put there.
    """

    inputs: tuple[str, ...]
    output: str
    reference: Callable[..., Array]


@dataclass(frozen=True)
class Interface(Contract):
    """Graph inputs or outputs were renamed, trimmed or retyped on purpose.

    ``outputs`` maps each output of the model after to the value in the model before that it must
    equal; ``inputs`` maps inputs after to inputs before. ``base`` says how the numbers compare.
    An output that no value before equals is ``derived`` from several of them.
    """

    outputs: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    base: Contract = field(default_factory=Exact)
    derived: tuple[Substitution, ...] = ()
    """New outputs, each with its reference; their inputs are values of the model before."""


@dataclass(frozen=True)
class Replaces(Contract):
    """The model before is a stand-in: each substitution is compared with its own reference.

    Everything outside the substitutions is compared with the model before, under ``base``.
    """

    substitutions: tuple[Substitution, ...] = ()
    base: Contract = field(default_factory=Close)
