"""What the contracts of several passes promise together.

Promises do not simply add up: the whole pipeline is compared with the original under the weakest
of them, so that many small allowed differences cannot grow into a large one unseen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from graphfix.contract import EQUAL, Approximate, Close, Contract, InRange, Interface, Replaces
from graphfix.verify.tolerance import base, weakest_label


@dataclass(frozen=True)
class Composition:
    """The promise of a pipeline about the outputs of its last model."""

    contract: str
    """Label of the weakest contract, which the whole is held to."""
    weakest: str
    """The pass it comes from; empty when every pass is exact."""
    statement: str
    """The promise in a sentence."""
    conditions: tuple[str, ...] = ()
    """What it is subject to, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "conditions": list(self.conditions)}


def compose(passes: Sequence[tuple[str, Contract]]) -> Composition:
    """The promise of passes, given as text and contract, that run one after the other.

    The weakest link decides: an approximation makes everything after it one, ``Close`` makes
    ``Exact`` close. ``Interface`` and ``Replaces`` compose by what they say about numbers, and add
    a condition each, as ``InRange`` does.
    """
    label = weakest_label([contract for _, contract in passes])
    weakest = next((text for text, c in passes if weakest_label([c]) == label), "")
    conditions = [told for text, contract in passes for told in _conditions(text, contract)]
    bases = [base(contract) for _, contract in passes]
    approximate = any(isinstance(item, Approximate) for item in bases)
    close = sum(isinstance(item, Close) and item != EQUAL for item in bases)
    if approximate:
        statement = f"the outputs approximate those of the original, on purpose: {label}"
    elif close > 1:
        statement = (
            f"the outputs are those of the original up to the rounding of reordered arithmetic; "
            f"the {close} passes that reorder share the tolerance of one"
        )
    elif close:
        statement = "the outputs are those of the original up to the rounding of one reordering"
    elif EQUAL in bases:
        statement = "the outputs are those of the original, where 0 and -0 are the same"
    else:
        statement, weakest = "the outputs are those of the original, bit for bit", ""
    return Composition(label, weakest, statement, tuple(dict.fromkeys(conditions)))


def _conditions(text: str, contract: Contract) -> list[str]:
    if isinstance(contract, Interface):
        outputs = ", ".join(
            [
                name if name == old else f"{name} (was {old})"
                for name, old in contract.outputs.items()
            ]
            + [f"{new.output} (made of {', '.join(new.inputs)})" for new in contract.derived]
        )
        about = f"; the promise is about {outputs}" if outputs else ""
        return [f"{text} changes inputs or outputs{about}", *_conditions(text, contract.base)]
    if isinstance(contract, Replaces):
        count = len(contract.substitutions)
        told = (
            f"{text} replaces {count} stand-in{'s' * (count != 1)}, compared with a reference of "
            "its own and not with the original"
        )
        return [told, *_conditions(text, contract.base)]
    if isinstance(contract, InRange):
        return [f"{text} holds while integers fit the narrower type"]
    return []
