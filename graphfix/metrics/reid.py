"""Re-identification of persons: whether the same person is found in other cameras' images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.market1501 import JUNK, Identity, read_identities
from graphfix.errors import UsageError
from graphfix.metrics.join import find_partner
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays
from graphfix.metrics.outputs import find_outputs
from graphfix.metrics.score import Figure, Score

_BLOCK = 64


def reid(samples: Iterable[Judged[Array, Identity]], *, normalize: bool = True) -> Score:
    """``mAP`` and ``rank-1``, ``rank-5``, ``rank-10`` of all queries against the gallery.

    An output is the feature vector of one image, of any shape and float type; ``normalize`` divides
    it by its length. For every query the gallery is ordered by Euclidean distance, equal ones in
    the order given, without junk and without images of the same person by the same camera:
    Zheng et al., Scalable Person Re-identification: A Benchmark (2015). AP is the mean of the
    precisions at the places of the right images. Queries that have none are left out; those whose
    features are NaN find nothing.

    Raises:
        UsageError: sizes differ, or there is no query, no gallery or nothing to find.
    """
    queries: list[tuple[Array, Identity]] = []
    gallery: list[tuple[Array, Identity]] = []
    size = None
    for sample in some(samples):
        vector = sample.output.reshape(-1).astype(np.float32)
        size = vector.size if size is None else size
        if vector.size != size:
            raise UsageError(f"sample {sample.name}: {vector.size} features, others have {size}")
        if sample.truth.person != JUNK:
            (queries if sample.truth.query else gallery).append((vector, sample.truth))
    if not queries or not gallery:
        raise UsageError(f"there are {len(queries)} queries and {len(gallery)} images to search in")
    places = _all_places(queries, gallery, normalize)
    judged = [item for item in places if item is not None]
    if not judged:
        raise UsageError("no query has an image to find; check persons and cameras")
    return _score(judged, len(places) - len(judged))


def _all_places(
    queries: list[tuple[Array, Identity]], gallery: list[tuple[Array, Identity]], normalize: bool
) -> list[Array | None]:
    """See :func:`_places`; a block of queries at a time, so that distances take little memory."""
    searched = _matrix([vector for vector, _ in gallery], normalize)
    lengths = np.einsum("ij,ij->i", searched, searched)
    persons = np.array([truth.person for _, truth in gallery])
    cameras = np.array([truth.camera for _, truth in gallery])
    places: list[Array | None] = []
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        asked = _matrix([vector for vector, _ in block], normalize)
        # Squared distances, less the length of the query, which does not change the order.
        distances = lengths - 2 * asked @ searched.T
        for row, (_, truth) in zip(distances, block, strict=True):
            places.append(_places(row, persons == truth.person, cameras == truth.camera))
    return places


def _matrix(vectors: list[Array], normalize: bool) -> Array:
    matrix = np.stack(vectors)
    if normalize:
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        matrix = matrix / np.where(lengths == 0, 1, lengths)
    return matrix


def _places(distances: Array, same: Array, same_camera: Array) -> Array | None:
    """Places of the right images, from 0; none when the query is NaN, ``None`` without any."""
    kept = ~(same & same_camera)
    if not same[kept].any():
        return None
    if np.isnan(distances).all():
        return np.zeros(0, np.int64)
    order = np.argsort(distances[kept], kind="stable")
    return np.flatnonzero(same[kept][order])


def _score(places: list[Array], skipped: int) -> Score:
    precisions = [
        float(np.mean(np.arange(1, item.size + 1) / (item + 1))) if item.size else 0.0
        for item in places
    ]
    first = np.array([item[0] if item.size else np.inf for item in places])
    figures = (
        Figure("mAP", float(np.mean(precisions))),
        *(Figure(f"rank-{k}", float(np.mean(first < k))) for k in (1, 5, 10)),
    )
    notes = (f"{skipped} queries have nothing to find and are left out",) if skipped else ()
    return Score(figures, len(places), "queries", notes)


@dataclass(frozen=True)
class Reid(Metric):
    """Mean average precision and rank of re-identification, as on Market-1501."""

    name = "reid"
    outputs = "folder of arrays: one vector of features"
    labels = "text file with lines NAME PERSON CAMERA query|gallery, or folder of Market-1501"

    normalize: bool = True
    """Whether features are divided by their length."""

    def evaluate(self, files: Files) -> Score:
        """See :func:`reid`."""
        outputs = find_outputs(files.outputs, files.layout.index)
        truths = {
            name: truth
            for name, truth in read_identities(files.labels).items()
            # Junk is not run by everybody, as it does not count.
            if truth.person != JUNK or find_partner(name, outputs) is not None
        }
        return reid(arrays(files, truths), normalize=self.normalize)
