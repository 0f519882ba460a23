"""Question answering: exact match and F1 of answers, as SQuAD 1.1 counts them."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphfix.datasets.files import read_json
from graphfix.errors import UsageError
from graphfix.metrics.join import join
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric
from graphfix.metrics.score import Figure, Score

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalized_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and superfluous white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def answers(samples: Iterable[Judged[str, Sequence[str]]]) -> Score:
    """``F1`` and ``EM`` of answers, each against that one of its truths that fits best.

    ``EM`` is the fraction that are equal once both are normalized; ``F1`` the mean harmonic mean of
    precision and recall over the words, counted as often as they come. Rajpurkar et al., SQuAD
    (2016), section 6.1; an answer without words has an F1 of 0 even if the truth has none either,
    as in the script of version 1.1.

    Raises:
        UsageError: there is no sample, or one has no truth.
    """
    count = 0
    f1 = exact = 0.0
    for sample in some(samples):
        if not sample.truth:
            raise UsageError(f"question {sample.name}: there is no answer to compare with")
        count += 1
        text = normalized_answer(sample.output)
        truths = [normalized_answer(truth) for truth in sample.truth]
        exact += text in truths
        f1 += max(_f1(text.split(), truth.split()) for truth in truths)
    return Score((Figure("F1", f1 / count), Figure("EM", exact / count)), count, "questions")


def _f1(words: list[str], truth: list[str]) -> float:
    common = (Counter(words) & Counter(truth)).total()
    return 2 * common / (len(words) + len(truth)) if common else 0.0


def read_squad(path: Path) -> Mapping[str, Sequence[str]]:
    """The answers to every question in a data set file of SQuAD 1.1, by the id of the question.

    Raises:
        UsageError: it cannot be read or has another form.
    """
    document = read_json(path)
    try:
        return {
            str(question["id"]): tuple(str(answer["text"]) for answer in question["answers"])
            for article in document["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        }
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: has not the form of SQuAD 1.1: {error!r}") from error


@dataclass(frozen=True)
class Answers(Metric):
    """F1 and exact match of answers, as SQuAD 1.1 counts them."""

    name = "squad"
    outputs = "JSON file with the answer to every question: {ID: TEXT}"
    labels = "data set file of SQuAD 1.1, such as dev-v1.1.json"
    reads_arrays = False

    def evaluate(self, files: Files) -> Score:
        """See :func:`answers`."""
        found = read_json(files.outputs)
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise UsageError(f"{files.outputs}: must be one object of the form {{ID: TEXT}}")
        return answers(join(found, read_squad(files.labels), files.labels))
