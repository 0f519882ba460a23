"""Which label belongs to which output."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from graphfix.errors import UsageError
from graphfix.metrics.judged import Judged

T = TypeVar("T")
U = TypeVar("U")


def join(outputs: Mapping[str, T], labels: Mapping[str, U], source: Path) -> Sequence[Judged[T, U]]:
    """Put every output beside its label, in the order of the labels.

    An output is called as its label, or as its label without folder and extension: ais_bench cuts
    ``val/img.1.jpg`` at the first dot, or at the last when it runs as a pipeline. ``source`` is the
    label file, for messages.

    Raises:
        UsageError: a label has no output, an output has no label, or two labels have the same one.
    """
    pairs: list[Judged[T, U]] = []
    taken: dict[str, str] = {}
    missing: list[str] = []
    for label, truth in labels.items():
        name = find_partner(label, outputs)
        if name is None:
            missing.append(label)
            continue
        if name in taken:
            raise UsageError(
                f"{source}: {taken[name]} and {label} both stand for output {name!r}; give the "
                "samples names that differ before the first dot, and run the model again"
            )
        taken[name] = label
        pairs.append(Judged(name, outputs[name], truth))
    if missing:
        raise UsageError(
            f"{source}: {len(missing)} of {len(labels)} labels without an output, such as "
            f"{missing[0]}; run the model on it, or remove the label"
        )
    extra = [name for name in outputs if name not in taken]
    if extra:
        raise UsageError(
            f"{source}: has no label for output {extra[0]!r}"
            f"{f' and {len(extra) - 1} more' if len(extra) > 1 else ''}; add it, or remove the file"
        )
    return pairs


def find_partner(label: str, outputs: Mapping[str, object]) -> str | None:
    """The output that belongs to a label, by the rules of :func:`join`."""
    base = re.split(r"[/\\]", label)[-1]
    for name in (label, base, base.rpartition(".")[0], base.partition(".")[0]):
        if name in outputs:
            return name
    return None
