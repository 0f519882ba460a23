"""Samples of an adapter as files that ais_bench reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphfix.adapter import Adapter
from graphfix.errors import UsageError
from graphfix.model import load


def write_samples(
    adapter: Adapter, data: Path, folder: Path, model: str
) -> tuple[tuple[str, ...], int]:
    """One folder of ``.npy`` files for each input of the model, in its order, and how many samples.

    Raises:
        UsageError: there is no sample, two share a name, or their inputs are not the model's.
    """
    names = _input_names(adapter, model)
    count = 0
    seen: set[str] = set()
    for name in names:
        (folder / _file_name(name)).mkdir(parents=True)
    for sample in adapter.samples(data):
        if sample.name in seen or _file_name(sample.name) != sample.name:
            raise UsageError(
                f"the adapter {adapter.name!r} names two samples {sample.name!r}, or with '/'"
            )
        seen.add(sample.name)
        if set(sample.inputs) != set(names):
            raise UsageError(
                f"the adapter {adapter.name!r} makes {', '.join(sorted(sample.inputs))} of sample "
                f"{sample.name}; the inputs of the model are {', '.join(names)}"
            )
        for name, array in sample.inputs.items():
            np.save(folder / _file_name(name) / f"{sample.name}.npy", array, allow_pickle=False)
        count += 1
    if not count:
        raise UsageError(f"{data}: the adapter {adapter.name!r} finds no sample in it")
    return tuple(str(folder / _file_name(name)) for name in names), count


def _input_names(adapter: Adapter, model: str) -> Sequence[str]:
    if Path(model).suffix == ".om":
        return [spec.name for spec in adapter.inputs]
    graph = load(Path(model)).graph
    return [value.name or "" for value in graph.inputs if not value.is_initializer()]


def _file_name(name: str) -> str:
    return "".join("_" if c in "/\\:" else c for c in name)
