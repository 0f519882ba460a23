"""What was spelled differently, and what could not be: observed while it is done."""

from collections import Counter
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.errors import DialectError
from graphfix.rewrite import node_label


@dataclass(frozen=True)
class Change:
    """One thing that is spelled differently now."""

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
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """For people: equal changes once with their count, then the notes."""
        counted = Counter((change.op_type, change.what) for change in self.changes)
        first = {(c.op_type, c.what): c.node for c in reversed(self.changes)}
        lines = []
        for (op_type, what), count in counted.items():
            where = f"{op_type} {first[op_type, what]!r}: " if op_type else ""
            lines.append(f"{where}{what}{f' ({count} times)' if count > 1 else ''}")
        return (*lines, *self.notes)

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "notes": list(self.notes),
        }


class Journal:
    """Collects changes, notes and refusals while a model is spelled anew."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._notes: dict[str, None] = {}
        self._refused: list[Change] = []

    def changed(self, node: ir.Node | None, what: str) -> None:
        """Note what is new about a node, or about the whole model."""
        self._changes.append(_about(node, what))

    def note(self, text: str) -> None:
        """Note what a reader must know; the same sentence once."""
        self._notes.setdefault(text)

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


def _about(node: ir.Node | None, what: str) -> Change:
    if node is None:
        return Change("", "", what)
    return Change(node_label(node), node.op_type, what)
