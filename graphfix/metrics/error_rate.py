"""Error rates of transcripts: word by word and character by character."""

from collections.abc import Iterable
from dataclasses import dataclass

from graphfix.datasets.texts import read_texts
from graphfix.library import library
from graphfix.metrics.join import join
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.score import Figure, Score


def error_rates(
    samples: Iterable[Judged[str, str]], *, lower: bool = False, spaces: bool = True
) -> Score:
    """``WER`` and ``CER``: edits that turn the truth into the output, per word and character of it.

    An edit inserts, deletes or replaces. Edits and lengths are added up over all samples, so that
    a long sentence weighs more: Morris et al., From WER and RIL to MER and WIL (2004).
    Words are what white space separates; one blank between two words is a character of ``CER``
    unless ``spaces`` is false, as is usual for Chinese. Rates may exceed 1, and are NaN when no
    truth has a word.

    Raises:
        UsageError: there is no sample.
    """
    distance = library("rapidfuzz.distance").Levenshtein.distance
    count = word_edits = words = character_edits = characters = 0
    for sample in some(samples):
        count += 1
        text, truth = (
            (item.lower() if lower else item).split() for item in (sample.output, sample.truth)
        )
        word_edits += distance(text, truth)
        words += len(truth)
        joint = " " if spaces else ""
        character_edits += distance(joint.join(text), joint.join(truth))
        characters += len(joint.join(truth))
    figures = (
        Figure("WER", word_edits / words if words else float("nan"), lower_is_better=True),
        Figure(
            "CER",
            character_edits / characters if characters else float("nan"),
            lower_is_better=True,
        ),
    )
    return Score(figures, count, "sentences", () if words else ("no label holds a word",))


@dataclass(frozen=True)
class ErrorRate(Metric):
    """Word and character error rate of transcripts."""

    name = "wer"
    outputs = "text file with lines NAME<tab>TEXT or NAME TEXT"
    labels = "text file of the same form"
    libraries = ("rapidfuzz",)
    reads_arrays = False

    lower: bool = False
    """Whether to compare in lower case."""
    spaces: bool = True
    """Whether a blank between words is a character of CER."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`error_rates`."""
        samples = join(read_texts(files.outputs), read_texts(files.labels), files.labels)
        return error_rates(samples, lower=self.lower, spaces=self.spaces)
