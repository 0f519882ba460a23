# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, union-attr, arg-type, index"
"""Attention as torch's exporters write it, as the group ``bert`` does, and on more tokens."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from graphfix.model import load
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
from graphfix.rewrite import PassContext, constant_tensor
from graphfix.rewrite.symbolic import Facts
from graphfix.runners.onnxruntime import Session
from tests.corpus.cases import CASES
from tests.corpus.export import export

TEXTS = ("encoder-ts13-dynamic", "encoder-dynamo18-dynamic")
PICTURES = ("vit-ts17-dynamic", "vit-dynamo18")


@pytest.mark.parametrize("name", TEXTS)
def test_bert_has_the_form_that_is_fused(name: str, tmp_path: Path) -> None:
    model, after = exported(name, "bert", tmp_path)
    assert ranks(after) == {2}
    product, *_ = (node for node in after.graph if node.op_type == "Softmax")
    masked = product.inputs[0].producer()
    scaled, mask = (value.producer() for value in masked.inputs)
    assert [node.op_type for node in (masked, scaled, mask)] == ["Add", "Mul", "Expand"]
    rng = np.random.default_rng(0)
    for batch, length in ((1, 3), (3, 1), (2, 9)):
        kept = np.arange(length) < np.arange(1, batch + 1)[:, None]
        feeds = {"tokens": rng.integers(0, 50, kept.shape), "mask": kept.astype(np.int64)}
        for key, wanted in Session(model).run(feeds).items():
            np.testing.assert_allclose(Session(after).run(feeds)[key], wanted, atol=1e-5)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_get_a_multiple_of_16_tokens(name: str, tmp_path: Path) -> None:
    model, after = exported(name, "fold-shapes,token-pad", tmp_path)
    facts = Facts(after)
    (softmax,) = (node for node in after.graph if node.op_type == "Softmax")
    assert [facts.dims(value)[-2:] for value in softmax.outputs] == [(32, 32)]
    feeds = {"image": np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)}
    for key, wanted in Session(model).run(feeds).items():
        np.testing.assert_allclose(Session(after).run(feeds)[key], wanted, atol=1e-5)


def exported(name: str, pipeline: str, folder: Path) -> tuple[ir.Model, ir.Model]:
    """A model of the corpus, and what the pipeline makes of it."""
    (case,) = (case for case in CASES if case.name == name)
    export(case, folder / "model.onnx")
    model = after = load(folder / "model.onnx")
    for item in parse(pipeline, load_registry()).passes:
        after = item.run(after.clone(), PassContext()).model
    return model, after


def ranks(model: ir.Model) -> set[int]:
    """The numbers of dims of what is multiplied by weights."""
    facts = Facts(model)
    products = [node for node in model.graph if node.op_type == "MatMul"]
    weighted = [node for node in products if constant_tensor(node.inputs[1]) is not None]
    assert len(weighted) >= 6
    return {len(facts.dims(node.inputs[0]) or ()) for node in weighted}
