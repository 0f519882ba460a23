"""An adapter of a model that tells squares from stripes, whole: export, data, metric."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphfix.adapter import Adapter, Export, Sample
from graphfix.metrics import Judged, Reference, Score, top_k
from graphfix.spec import InputSpec


class Shapes(Adapter):
    """Tells squares from stripes in pictures of 8 x 8."""

    name = "shapes"
    upstream = "this file"
    export = Export(
        "export_shapes.py", ("onnx", "numpy"), "pip install onnx numpy", {"opset": "13"}
    )
    pipeline = "auto"
    inputs = (InputSpec("x", "float32", ("N", 1, 8, 8), 0.0, 1.0),)
    shapes = ("x:1,1,8,8",)
    reference = Reference(1.0, 0.01)

    def samples(self, data: Path) -> Iterator[Sample]:
        """Arrays in ``pictures.npz``, in the order of their names."""
        with np.load(data / "pictures.npz") as pictures:
            for name in sorted(pictures):
                yield Sample(name, {"x": pictures[name][None, None].astype(np.float32)})

    def score(self, outputs: Path, data: Path) -> Score:
        """Top-1 accuracy against ``labels.txt``: name and class, one line each."""
        lines = (data / "labels.txt").read_text(encoding="utf-8").split("\n")
        labels = dict(line.split() for line in lines if line)
        return top_k(
            (Judged(n, np.load(outputs / f"{n}_0.npy")[0], int(c)) for n, c in labels.items()),
            (1,),
        )

    def tiny(self, folder: Path) -> None:
        """Six pictures of each class."""
        random = np.random.default_rng(0)
        pictures, labels = {}, []
        for k in range(12):
            picture = np.zeros((8, 8))
            if k % 2:
                picture[:, ::2] = 1  # stripes
            else:
                picture[2:6, 2:6] = 1  # a square
            pictures[f"p{k:02}"] = picture + random.uniform(0, 0.1, (8, 8))
            labels.append(f"p{k:02} {k % 2}\n")
        np.savez(folder / "pictures.npz", **pictures)
        (folder / "labels.txt").write_text("".join(labels), encoding="utf-8")
