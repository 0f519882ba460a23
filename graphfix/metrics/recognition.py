"""Text recognition: whole words right, and how far off the others are."""

import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from graphfix.datasets.files import read_lines
from graphfix.datasets.texts import read_texts
from graphfix.errors import UsageError
from graphfix.library import library
from graphfix.metrics.decode import ctc_greedy
from graphfix.metrics.join import join
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays, decoded
from graphfix.metrics.outputs import Layout
from graphfix.metrics.score import Figure, Score

DIGITS_AND_LETTERS = string.digits + string.ascii_lowercase
"""The characters of models that are evaluated on English words without case."""


def text_recognition(
    samples: Iterable[Judged[str, str]], characters: str | None = None, *, lower: bool = False
) -> Score:
    """``acc``, the fraction of texts that are right, and ``norm_edit_dis``, how near all are.

    Both sides lose their spaces; then they are put in lower case if ``lower``, and reduced to
    ``characters`` if there are any, as a model can only be asked for what it knows. A sample whose
    truth has nothing left is left out. ``norm_edit_dis`` is one minus the mean of the Levenshtein
    distance divided by the length of the longer text.

    These are the rules of ``RecMetric`` and ``CTCLabelEncode`` in PaddleOCR (release/2.5), which
    divides by the number of samples plus 0.00001, and puts another sample in the place of one left
    out.

    Raises:
        UsageError: there is no sample, or none has a truth.
    """
    distance = library("rapidfuzz.distance").Levenshtein.distance
    kept = None if characters is None else set(characters)
    count = right = empty = 0
    off = 0.0
    for sample in some(samples):
        text, truth = (_reduced(item, kept, lower) for item in (sample.output, sample.truth))
        if not truth:
            empty += 1
            continue
        count += 1
        right += text == truth
        off += distance(text, truth) / max(len(text), len(truth))
    if not count:
        raise UsageError("no label holds a text that could be recognised; check the charset")
    figures = (Figure("acc", right / count), Figure("norm_edit_dis", 1 - off / count))
    notes = (f"{empty} samples without a label in the charset are left out",) if empty else ()
    return Score(figures, count, "texts", notes)


def _reduced(text: str, kept: set[str] | None, lower: bool) -> str:
    text = text.replace(" ", "")
    text = text.lower() if lower else text
    return text if kept is None else "".join(letter for letter in text if letter in kept)


@dataclass(frozen=True)
class Recognition(Metric):
    """Fraction of texts that are recognised, and normalized edit distance, as in PaddleOCR."""

    name = "recognition"
    outputs = "folder of arrays: CTC scores [T,C] or [1,T,C]; or text file with lines NAME<tab>TEXT"
    labels = "text file with lines NAME<tab>TEXT, or LMDB folder"
    libraries = ("rapidfuzz",)

    charset: Path | None = None
    """File with the characters that the model knows, one per line; 0-9 and a-z if not given."""
    space: bool = False
    """Whether the model has a class for a space, after those of the charset."""
    blank: int = 0
    """The class of CTC that stands for no character; -1 is the last one."""
    lower: bool | None = None
    """Whether to compare in lower case; only without a charset if not given."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`text_recognition`."""
        characters = [*self._characters(), *([" "] if self.space else [])]
        truths = read_texts(files.labels)
        samples: Iterable[Judged[str, str]]
        if files.outputs.is_file():
            if files.layout != Layout():
                raise UsageError(f"{files.outputs}: is a list of texts, which has no shape or type")
            samples = join(read_texts(files.outputs), truths, files.labels)
        else:
            decode = partial(ctc_greedy, characters=characters, blank=self.blank)
            samples = decoded(arrays(files, truths), decode)
        lower = self.charset is None if self.lower is None else self.lower
        return text_recognition(samples, "".join(characters), lower=lower)

    def _characters(self) -> list[str]:
        if self.charset is None:
            return list(DIGITS_AND_LETTERS)
        return read_lines(self.charset)
