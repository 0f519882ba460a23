"""What was probably meant by a name that does not exist."""

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of a message: the one name that was probably meant, otherwise all there are.

    Upper and lower case are the same here, and a part of one name only (``310P3``) is enough.
    """
    names = list(known)
    lowered = {each.lower(): each for each in names}
    inside = [each for low, each in lowered.items() if len(name) > 2 and name.lower() in low]
    close = inside or [lowered[low] for low in difflib.get_close_matches(name.lower(), lowered)]
    if len(inside) == 1 or (close and not inside):
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names) or 'none'}"
