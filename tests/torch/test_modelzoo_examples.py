# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""The recipes in ``examples/modelzoo``, each on a small model of its topology."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from graphfix.model import infer_shapes, load
from graphfix.pipeline import parse_recipe
from graphfix.plugins import load_registry
from graphfix.runners.onnxruntime import Session
from graphfix.stages.apply import ApplyRequest, apply
from tests.corpus.cases import Exporter
from tests.corpus.export import write
from tests.corpus.networks import vision_transformer
from tests.torch import modelzoo_networks as networks

RECIPES = Path(__file__).parents[2] / "examples" / "modelzoo"
Make = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Example:
    """A network, and what of it the recipe is to remove."""

    build: Callable[[], nn.Module]
    inputs: Mapping[str, Make]
    gone: tuple[Callable[[ir.Node], bool], ...]
    """Each holds for a node of the export, and for none of the result."""
    outputs: tuple[str, ...] = ()
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    others: Mapping[str, Make] = field(default_factory=dict)
    """Inputs of other sizes, which the result takes as well."""
    cosine: float = 0.0
    """The least similarity to torch, of what is only approximately the same; 0: it is the same."""
    custom: bool = False
    """Ends in an operator of its own instead of the network's outputs."""
    data: bool = False
    """Verified with the inputs, as seeded ones are not sensible."""
    opset: int = 11
    dynamo: bool = False
    """Exported by the newer exporter, too, at opset 18."""


def noise(*shape: int) -> Make:
    return lambda: torch.randn(shape)


def tokens(*shape: int) -> Make:
    return lambda: torch.randint(0, 50, shape)


def made_by(value: ir.Value | None) -> str:
    """The operator that makes a value."""
    node = value.producer() if value is not None else None
    return node.op_type if node is not None else ""


def least(value: ir.Value | None) -> float:
    """The least number of a constant; 0 for anything else."""
    tensor = ir.convenience.get_const_tensor(value) if value is not None else None
    return float(tensor.numpy().min()) if tensor is not None and tensor.size else 0.0


def is_op(name: str) -> Callable[[ir.Node], bool]:
    return lambda node: node.op_type == name


def is_linear_on_large_maps(node: ir.Node) -> bool:
    x = node.inputs[0] if node.op_type == "Resize" else None
    if x is None or x.shape is None or x.shape[2] != 160:
        return False
    return node.attributes.get_string("mode") == "linear"


def enlarges_volumes(node: ir.Node) -> bool:
    x = node.inputs[0] if node.op_type == "Resize" else None
    return x is not None and x.shape is not None and len(x.shape) == 5


def computes_on_int64(node: ir.Node) -> bool:
    x = node.inputs[0] if node.op_type in ("Add", "Sub", "Where", "Range", "Clip") else None
    return x is not None and x.dtype is ir.DataType.INT64


def has_a_kernel_that_is_long_or_has_one_axis(node: ir.Node) -> bool:
    shape = node.inputs[1].shape if node.op_type == "Conv" and node.inputs[1] else None
    return shape is not None and (len(shape) == 3 or max(shape.numpy()[2:]) > 255)


def counts_from_the_end(node: ir.Node) -> bool:
    return node.op_type == "Gather" and least(node.inputs[1]) < 0


def looks_for_the_best_along_an_inner_axis(node: ir.Node) -> bool:
    x = node.inputs[0] if node.op_type == "TopK" else None
    axis = node.attributes.get_int("axis", -1)
    return x is not None and x.shape is not None and axis not in (-1, len(x.shape) - 1)


def masks_beyond_float16(node: ir.Node) -> bool:
    return node.op_type == "Mul" and min(map(least, node.inputs)) < -65504


def is_between_transposes(node: ir.Node) -> bool:
    return node.op_type == "Softmax" and made_by(node.inputs[0]) == "Transpose"


def is_the_transpose_of_keys(node: ir.Node) -> bool:
    perm = node.attributes.get_ints("perm") if node.op_type == "Transpose" else None
    return list(perm or ()) == [0, 2, 3, 1]


def attends_to_seventeen_tokens(node: ir.Node) -> bool:
    x = node.inputs[0] if node.op_type == "Softmax" else None
    return x is not None and x.shape is not None and x.shape[-1] == 17


def divides_scores(node: ir.Node) -> bool:
    return node.op_type == "Div" and made_by(node.inputs[0]) == "MatMul"


def multiplies_three_dims(node: ir.Node) -> bool:
    """A layer on hidden states [batch, tokens, H]."""
    if node.op_type != "MatMul":
        return False
    return [len(x.shape) if x and x.shape else None for x in node.inputs] == [3, 2]


def slices_a_slice(node: ir.Node) -> bool:
    return node.op_type == "Slice" and made_by(node.inputs[0]) == "Slice"


def has_a_batch_of_five(node: ir.Node) -> bool:
    return any(value.shape is not None and 5 in list(value.shape)[:1] for value in node.outputs)


def runs_both_ways(node: ir.Node) -> bool:
    return node.op_type == "GRU" and node.attributes.get_string("direction") == "bidirectional"


def pools_three_axes(node: ir.Node) -> bool:
    return node.op_type == "MaxPool" and len(node.attributes.get_ints("kernel_shape") or ()) == 3


def reduces_all_without_saying_so(node: ir.Node) -> bool:
    axes = "axes" in node.attributes or len(node.inputs) > 1
    return node.op_type == "ReduceMean" and not axes


def is_open_above(node: ir.Node) -> bool:
    return node.op_type == "Clip" and (len(node.inputs) < 3 or node.inputs[2] is None)


EXAMPLES: Mapping[str, Example] = {
    "aasist": Example(
        networks.Aasist,
        {"wave": noise(2, 288)},
        (
            has_a_kernel_that_is_long_or_has_one_axis,
            looks_for_the_best_along_an_inner_axis,
            is_op("GatherElements"),
        ),
        dynamo=True,
    ),
    "bert": Example(
        networks.Bert,
        {
            "tokens": tokens(2, 7),
            "attention_mask": lambda: torch.tensor([[1] * 7, [1] * 4 + [0] * 3]),
        },
        (masks_beyond_float16, divides_scores, multiplies_three_dims),
        data=True,
        dynamo=True,
    ),
    "conformer": Example(
        networks.Conformer,
        {"speech": noise(5, 19, 11)},
        (has_a_batch_of_five,),
        outputs=("encoder_out", "mask"),
        others={"speech": noise(3, 19, 11)},
        dynamo=True,
    ),
    "crnn": Example(
        networks.Crnn,
        {"line": noise(1, 1, 16, 24)},
        (is_op("ConstantOfShape"), is_op("Gemm")),
        dynamic={"line": {3: "width"}},
        others={"line": noise(1, 1, 16, 40)},
    ),
    "ctpn": Example(networks.Ctpn, {"image": noise(1, 3, 16, 32)}, (runs_both_ways,), dynamo=True),
    "cyclegan": Example(networks.CycleGan, {"image": noise(1, 3, 16, 16)}, (is_op("Pad"),)),
    "deit": Example(
        vision_transformer.Vit,
        {"image": noise(2, 3, 32, 32)},
        (attends_to_seventeen_tokens,),
        opset=17,
        dynamo=True,
    ),
    "facenet": Example(
        networks.FaceNet, {"image": noise(2, 3, 16, 16)}, (is_open_above,), dynamo=True
    ),
    "flownet2": Example(
        networks.Flownet2,
        {"first": noise(1, 3, 12, 14), "second": noise(1, 3, 12, 14)},
        (slices_a_slice, computes_on_int64),
        dynamo=True,
    ),
    "gpt2": Example(
        networks.Gpt2,
        {"tokens": tokens(2, 7)},
        (divides_scores, is_op("Gemm"), is_the_transpose_of_keys),
        outputs=("logits", "first", "second"),
    ),
    "lprnet": Example(
        networks.LprNet,
        {"image": noise(1, 3, 12, 21)},
        (pools_three_axes, reduces_all_without_saying_so),
    ),
    "rawnet2": Example(
        networks.RawNet2,
        {"wave": noise(1, 1300)},
        (has_a_kernel_that_is_long_or_has_one_axis, counts_from_the_end),
    ),
    "ssd": Example(
        networks.Ssd, {"image": noise(1, 3, 32, 32)}, (is_op("NonMaxSuppression"),), custom=True
    ),
    "transformer-xl": Example(
        networks.TransformerXl,
        {"words": noise(5, 1, 16), "memory": noise(4, 1, 16)},
        (is_op("Einsum"), multiplies_three_dims),
        opset=12,
    ),
    "tsm": Example(
        networks.Tsm,
        {"image": noise(16, 3, 16, 20)},
        (slices_a_slice,),
        others={"image": noise(24, 3, 16, 20)},
    ),
    "u2net": Example(
        networks.U2Net, {"image": noise(1, 3, 320, 320)}, (is_linear_on_large_maps,), cosine=0.9
    ),
    "unet3d": Example(networks.Unet3d, {"volume": noise(1, 1, 8, 12, 10)}, (enlarges_volumes,)),
    "wseg": Example(networks.Wseg, {"image": noise(1, 3, 16, 16)}, (is_between_transposes,)),
    "yolox": Example(
        networks.YoloX,
        {"image": noise(1, 3, 32, 48)},
        (computes_on_int64,),
        dynamic={"image": {2: "height", 3: "width"}},
        others={"image": noise(1, 3, 56, 40)},
    ),
}
EXPORTS = [
    (name, exporter)
    for name, example in EXAMPLES.items()
    for exporter in Exporter
    if exporter is Exporter.TORCHSCRIPT or example.dynamo
]


def test_every_recipe_is_run() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == set(EXAMPLES)


@pytest.mark.parametrize(("name", "exporter"), EXPORTS)
def test_recipe(name: str, exporter: Exporter, tmp_path: Path) -> None:
    example, path = EXAMPLES[name], tmp_path / "model.onnx"
    torch.manual_seed(0)
    module = example.build().eval()
    inputs = {key: make() for key, make in example.inputs.items()}
    opset = example.opset if exporter is Exporter.TORCHSCRIPT else 18
    write(module, inputs, path, exporter, opset, example.dynamic, example.outputs)
    assert 0 not in count(path, example), "the export has nothing to remove"

    data = tmp_path / "samples.npz" if example.data else None
    if data is not None:
        np.savez(data, **{key: tensor.numpy() for key, tensor in inputs.items()})
    recipe = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    request = ApplyRequest(path, parse_recipe(recipe, load_registry()), data=data)
    report = apply(request)
    assert report.why_not == ""
    assert not any(count(request.target, example))
    if not example.custom:
        for feeds in (inputs, {key: make() for key, make in example.others.items()} or inputs):
            hold(module, feeds, request.target, example.cosine)


def count(path: Path, example: Example) -> list[int]:
    """How many nodes there are of each kind that is to go."""
    model = load(path)
    infer_shapes(model)
    return [sum(map(kind, model.graph)) for kind in example.gone]


def hold(module: nn.Module, feeds: Mapping[str, torch.Tensor], path: Path, cosine: float) -> None:
    """The model computes what torch does."""
    outputs = Session(load(path)).run({key: t.numpy() for key, t in feeds.items()})
    found = [np.asarray(array) for array in outputs.values()]
    with torch.no_grad():
        wanted = module(*feeds.values())
    for array, tensor in zip(
        found, wanted if isinstance(wanted, tuple) else [wanted], strict=False
    ):
        expected = tensor.numpy()
        assert expected.std() > 1e-3, "a fault would not show"
        if cosine:
            a, b = array.ravel() - array.mean(), expected.ravel() - expected.mean()
            assert a @ b >= cosine * np.linalg.norm(a) * np.linalg.norm(b)
        else:
            np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-4)
