"""Every model that the onnx package generates or brings along survives load and save.

The corpus is the source of onnx's backend tests: one model per operator test, exported PyTorch
modules, and the large classics without their weights.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]  # no stubs here

from graphfix.model import check, diff, digest, from_bytes, infer_shapes, load, save
from graphfix.runners.onnxruntime import NotRunnable, Session

pytestmark = pytest.mark.corpus

KINDS = {"node": 1884, "simple": 23, "pytorch-converted": 82, "pytorch-operator": 35, "model": 35}
"""Cases in onnx 1.23; a later onnx has more."""

Feeds = list[Any]


@cache
def corpus() -> dict[str, tuple[bytes, Feeds | None]]:
    """Return the serialised model of every case, and its inputs in order where there are some."""
    with warnings.catch_warnings():
        # onnx's own generators divide by zero and overflow on purpose
        warnings.simplefilter("ignore")
        return dict(_cases())


def _cases() -> Iterator[tuple[str, tuple[bytes, Feeds | None]]]:
    from onnx.backend.test.case.model import collect_testcases as collect_models
    from onnx.backend.test.case.node import collect_testcases as collect_nodes
    from onnx.backend.test.loader import load_model_tests

    package = Path(onnx.__file__).parent
    for case in collect_nodes(None):
        assert case.model is not None
        assert case.data_sets
        yield f"node/{case.name}", (case.model.SerializeToString(), list(case.data_sets[0][0]))
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for case in load_model_tests(kind=kind):
            folder = Path(str(case.model_dir))
            feeds = _stored_feeds(folder / "test_data_set_0")
            yield f"{kind}/{case.name}", ((folder / "model.onnx").read_bytes(), feeds)
    for case in collect_models():
        if case.model is not None:
            data = case.model.SerializeToString()
        else:  # the url of the classics is a path into the package
            data = package.joinpath(*Path(str(case.url)).parts[1:]).read_bytes()
        feeds = list(case.data_sets[0][0]) if case.data_sets else None
        yield f"model/{case.name}", (data, feeds)


def _stored_feeds(folder: Path) -> Feeds | None:
    tensors = []
    for index in range(len(list(folder.glob("input_*.pb")))):
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString((folder / f"input_{index}.pb").read_bytes())
            tensors.append(onnx.numpy_helper.to_array(tensor))
        except (ValueError, TypeError, RuntimeError):  # a sequence, not a tensor
            return None
    return tensors


def without_empty_texts(message: Message) -> Message:
    """Drop what a rewrite may drop: texts that say explicitly that they are empty."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for each in value if descriptor.is_repeated else (value,):
                without_empty_texts(each)
        elif not descriptor.is_repeated and value in ("", b""):
            message.ClearField(descriptor.name)
    return message


def test_the_corpus_is_complete() -> None:
    counts = Counter(name.partition("/")[0] for name in corpus())
    assert sum(counts.values()) >= 2059
    for kind, count in KINDS.items():
        assert counts[kind] >= count


def test_every_model_survives(tmp_path: Path) -> None:
    """None is refused, and none changes: not in the file, not in memory."""
    source, target = tmp_path / "source.onnx", tmp_path / "target.onnx"
    for name, (data, _) in corpus().items():
        source.write_bytes(data)
        model = load(source)
        save(model, target)
        again = load(target)
        assert diff(model, again).lines() == (), name
        assert digest(model) == digest(again), name
        before, after = (without_empty_texts(onnx.load(path)) for path in (source, target))
        assert after == before, name


def test_every_model_is_valid_and_its_shapes_can_be_inferred() -> None:
    for name, (data, _) in corpus().items():
        model = from_bytes(data)
        check(model)
        outputs = [(value.name, value.type, value.shape) for value in model.graph.outputs]
        infer_shapes(model)
        check(model.clone())
        for (_, type_, shape), value in zip(outputs, model.graph.outputs, strict=True):
            assert value.type == type_, name
            assert _agree(shape, value.shape), f"{name}: {value.name} {shape} -> {value.shape}"


def _agree(before: ir.Shape | None, after: ir.Shape | None) -> bool:
    """Return whether what was known about a shape is still said."""
    if before is None or after is None:
        return before is None
    if len(before) != len(after):
        return False
    return all(
        isinstance(new, int) or new == old or old == ir.SymbolicDim(None)
        for old, new in zip(before, after, strict=True)
    )


def test_outputs_stay_the_same(tmp_path: Path) -> None:
    """What onnxruntime runs gives the same bits after load and save."""
    target = tmp_path / "target.onnx"
    compared = 0
    refused: Counter[str] = Counter()
    for name, (data, feeds) in corpus().items():
        model = from_bytes(data)
        try:
            session = Session(model, threads=1)
        except NotRunnable as error:
            refused[_reason(str(error))] += 1
            continue
        if feeds is None or _is_random(model):
            continue
        names = [value.name for value in model.graph.inputs]
        inputs = {
            input_name: _numpy(feed)
            for input_name, feed in zip(names, feeds, strict=False)
            if input_name in {each[0] for each in session.inputs}
        }
        try:
            before = session.run(inputs)
        except NotRunnable as error:
            refused[_reason(str(error))] += 1
            continue
        save(model, target)
        after = Session(load(target), threads=1).run(inputs)
        assert list(before) == list(after), name
        for output in before:
            assert _same(before[output], after[output]), f"{name}: {output}"
        compared += 1
    assert compared >= 1490, refused
    assert refused.total() <= 2059 - 1490, refused


def _reason(message: str) -> str:
    return message.partition(":")[0]


def _is_random(model: ir.Model) -> bool:
    random = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
              "Bernoulli", "Multinomial", "Dropout"}  # fmt: skip
    return any(node.op_type in random for node in model.graph.all_nodes())


def _numpy(feed: Any) -> Any:
    return onnx.numpy_helper.to_array(feed) if isinstance(feed, onnx.TensorProto) else feed


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, np.ndarray) and before.dtype != object:
        same_type = bool(before.dtype == after.dtype and before.shape == after.shape)
        return same_type and before.tobytes() == after.tobytes()
    return bool(np.array_equal(before, after))
