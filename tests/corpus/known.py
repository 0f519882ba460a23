"""What is known to go wrong on models of the corpus, each with the reason; to be emptied."""

from tests.corpus.sweep import Applied

KNOWN: dict[tuple[str, str], str] = {}
"""Model and pass."""


def is_known(model: str, applied: Applied) -> bool:
    """Whether a failure is an old one."""
    return (model, applied.text.partition("{")[0]) in KNOWN
