"""What was spelled differently, and what could not be: observed while it is done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.errors import DialectError
from graphfix.rewrite import node_label


@dataclass(frozen=True)
class Change:
    """One thing that is spelled differently now, or that a reader must know."""

    node: str
    """Name of the node; empty when it is about the whole model."""
    op_type: str
    what: str

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"node": self.node, "op_type": self.op_type, "what": self.what}


@dataclass(frozen=True)
class Report:
    """Everything that was changed, and what a reader must know about it."""

    changes: tuple[Change, ...] = ()
    notes: tuple[Change, ...] = ()
    """What a reader must know."""

    def lines(self) -> tuple[str, ...]:
        """For people: the changes, then the notes; equal ones once with their count."""
        return (*_lines(self.changes), *_lines(self.notes))

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "notes": [note.to_dict() for note in self.notes],
        }


class Journal:
    """Collects changes, notes and refusals while a model is spelled anew."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._notes: list[Change] = []
        self._refused: list[Change] = []

    def changed(self, node: ir.Node | None, what: str) -> None:
        """Note what is new about a node, or about the whole model."""
        self._changes.append(_about(node, what))

    def note(self, node: ir.Node, what: str) -> None:
        """Note what a reader must know about a node."""
        self._notes.append(_about(node, what))

    def refuse(self, node: ir.Node, reason: str) -> None:
        """Note why a node cannot be spelled; the others are still looked at."""
        self._refused.append(_about(node, reason))

    def report(self, refusal: str) -> Report:
        """What was done.

        Raises:
            DialectError: something was refused; ``refusal`` begins the message, which has all.
        """
        if self._refused:
            lines = [f"  {item.op_type} {item.node!r}: {item.what}" for item in self._refused]
            raise DialectError("\n".join([f"{refusal}:", *lines]))
        return Report(tuple(self._changes), tuple(self._notes))


def _lines(changes: Sequence[Change]) -> Iterator[str]:
    counted = Counter((change.op_type, change.what) for change in changes)
    first = {(change.op_type, change.what): change.node for change in reversed(changes)}
    for (op_type, what), count in counted.items():
        where = f"{op_type} {first[op_type, what]!r}: " if op_type else ""
        yield f"{where}{what}{f' ({count} times)' if count > 1 else ''}"


def _about(node: ir.Node | None, what: str) -> Change:
    if node is None:
        return Change("", "", what)
    return Change(node_label(node), node.op_type, what)
