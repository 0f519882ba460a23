"""From scores to classes: the decoding that metrics of many models share."""

from collections.abc import Sequence

import numpy as np

from graphfix.contract import Array
from graphfix.errors import ModelError, UsageError


def best_class(scores: Array, axis: int) -> Array:
    """The class that scores best along ``axis``; of equal scores the lowest.

    Raises:
        ModelError: a score is NaN.
    """
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise ModelError(f"{np.count_nonzero(np.isnan(scores))} of {scores.size} scores are NaN")
    best: Array = np.argmax(scores, axis=axis)
    return best


def ctc_greedy(scores: Array, characters: Sequence[str], blank: int = 0) -> str:
    """The text that the best class of every step spells.

    ``scores`` are ``[T, C]`` or ``[1, T, C]`` of any number type, ``C`` being the characters and
    the class ``blank`` (-1 is the last one). Repeated classes count once, then blanks are dropped:
    Graves et al., Connectionist Temporal Classification (2006), section 3.2, best path decoding.

    Raises:
        UsageError: the shape does not fit the characters.
        ModelError: a score is NaN.
    """
    steps = scores[0] if scores.ndim == 3 and scores.shape[0] == 1 else scores
    if steps.ndim != 2 or steps.shape[1] != len(characters) + 1:
        raise UsageError(
            f"shape {scores.shape} is not [steps, {len(characters) + 1}] for {len(characters)} "
            "characters and a blank; check shape and charset"
        )
    classes = len(characters) + 1
    if not -classes <= blank < classes:
        raise UsageError(f"blank {blank}: there are only {classes} classes")
    of_class = list(characters)
    of_class.insert(blank % classes, "")
    path = best_class(steps, 1)
    changes = np.flatnonzero(np.diff(path, prepend=-1))
    return "".join(of_class[path[k]] for k in changes)


def class_map(output: Array) -> Array:
    """The class of every pixel, int64 ``[H, W]``.

    ``output`` holds scores ``[C, H, W]`` or ``[1, C, H, W]`` with C > 1, or classes already:
    ``[H, W]``, ``[1, H, W]`` or ``[1, 1, H, W]``, of an integer type or as whole floats.

    Raises:
        UsageError: it has another shape.
        ModelError: a score is NaN, or a class no whole number.
    """
    array = output[0] if output.ndim == 4 and output.shape[0] == 1 else output
    if array.ndim == 3:
        array = array[0] if array.shape[0] == 1 else best_class(array, 0)
    if array.ndim != 2:
        raise UsageError(f"shape {output.shape} is no map of classes or of scores; give its shape")
    classes = array.astype(np.int64)
    if array.dtype.kind == "f" and not np.array_equal(classes, array):
        raise ModelError("classes of pixels are no whole numbers; check shape and dtype")
    return classes
