"""The two example models are what README and the other tests take them for."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

Array = npt.NDArray[np.float32]

EXAMPLES = Path(__file__).parents[1] / "examples"
DIRECT = EXAMPLES / "starnet.onnx"
PLACEHOLDER = EXAMPLES / "starnet_placeholder.onnx"


def pictures(count: int, seed: int) -> Array:
    """Smooth ones: sums of a few plane waves."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:32, 0:100] / 16.0
    wave, phase = rng.uniform(-2, 2, (count, 3, 4, 2)), rng.uniform(0, 6.3, (count, 3, 4))
    angle = np.multiply.outer(wave[..., 0], rows) + np.multiply.outer(wave[..., 1], columns)
    waves = np.sin(angle + phase[..., None, None])
    return np.asarray(np.tanh(waves.sum(axis=2)), dtype=np.float32)


def run(path: Path, x: Array) -> Array:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (output,) = session.run(["fetch_name_0"], {"x": x})
    return np.asarray(output, dtype=np.float32)


def difference(first: Array, second: Array) -> float:
    """Of the picture where the two differ least."""
    return float(np.abs(first - second).max(axis=(1, 2)).min())


def constants(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.generic]]:
    return {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in model.graph.node
        if node.op_type == "Constant"
    }


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}


def source(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    """The node that computes a value, Identity nodes passed over."""
    node = producers(model)[name]
    return source(model, node.input[0]) if node.op_type == "Identity" else node


@pytest.mark.parametrize("batch", [1, 4])
def test_direct_export_depends_on_its_input(batch: int) -> None:
    first, second = run(DIRECT, pictures(batch, 1)), run(DIRECT, pictures(batch, 2))
    assert first.shape == (batch, 25, 37)
    np.testing.assert_allclose(first.sum(axis=2), 1.0, atol=1e-5)
    assert difference(first, second) > 0.05


def test_batch_does_not_change_a_result() -> None:
    x = pictures(4, 3)
    np.testing.assert_allclose(run(DIRECT, x)[1:2], run(DIRECT, x[1:2]), atol=1e-4)


@pytest.mark.parametrize("batch", [1, 4])
def test_placeholder_computes_something_else(batch: int) -> None:
    x = pictures(batch, 1)
    assert difference(run(PLACEHOLDER, x), run(DIRECT, x)) > 0.1


@pytest.mark.parametrize(("path", "opset"), [(DIRECT, 16), (PLACEHOLDER, 11)])
def test_interface(path: Path, opset: int) -> None:
    model = onnx.load(path)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", opset)]
    onnx.checker.check_model(model, full_check=True)
    assert path.stat().st_size < 1_000_000
    shapes = {}
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_param
        shapes[value.name] = [dim.dim_value for dim in dims][1:]
    assert shapes == {"x": [3, 32, 100], "fetch_name_0": [25, 37]}


def test_direct_export_samples_the_input() -> None:
    model = onnx.load(DIRECT)
    (node,) = (node for node in model.graph.node if node.op_type == "GridSample")
    assert attributes(node) == {"mode": b"bilinear", "padding_mode": b"zeros", "align_corners": 1}
    image = producers(model)[node.input[0]]
    assert (image.op_type, list(image.input)) == ("Identity", ["x"])
    assert source(model, node.input[1]).op_type == "Reshape"


def test_placeholder_is_planted() -> None:
    model = onnx.load(PLACEHOLDER)
    assert not [node for node in model.graph.node if node.op_type == "GridSample"]
    values = constants(model)

    def add_of_zero(name: str, perm: list[int], shape: tuple[int, ...]) -> str:
        """Walk up through the transposition, the addition, the other transposition."""
        outer = source(model, name)
        assert (outer.op_type, attributes(outer)) == ("Transpose", {"perm": perm})
        addition = source(model, outer.input[0])
        assert addition.op_type == "Add"
        np.testing.assert_array_equal(values[addition.input[1]], np.zeros(shape, np.float32))
        inner = source(model, addition.input[0])
        assert (inner.op_type, attributes(inner)) == ("Transpose", {"perm": perm})
        return str(inner.input[0])

    (pad,) = (node for node in model.graph.node if node.op_type == "Pad")
    assert attributes(pad) == {"mode": b"constant"}
    assert values[pad.input[2]] == 0
    unsqueeze = source(model, pad.input[0])
    assert (unsqueeze.op_type, attributes(unsqueeze)) == ("Unsqueeze", {"axes": [2]})
    grid = add_of_zero(unsqueeze.input[0], [0, 2, 1, 3], (1, 100, 32, 2))
    assert source(model, grid).op_type == "Reshape"

    squeeze, transpose, addition = (
        next(node for node in model.graph.node if name in node.input)
        for name in (pad.output[0], "p2o.pd_op.squeeze.0.0", "p2o.pd_op.transpose.5.0")
    )
    assert (squeeze.op_type, attributes(squeeze)) == ("Squeeze", {"axes": [2]})
    assert list(squeeze.output) == list(transpose.input)
    assert (transpose.op_type, attributes(transpose)) == ("Transpose", {"perm": [0, 3, 1, 2]})
    assert addition.op_type == "Add"
    assert addition.input[0] == transpose.output[0]
    assert add_of_zero(addition.input[1], [0, 1, 3, 2], (1, 3, 100, 32)) == "x"

    (backbone,) = (
        node
        for node in model.graph.node
        if node.op_type == "Conv"
        and node.input[0] != "x"
        and values[node.input[1]].shape == (8, 3, 3, 3)
    )
    after = add_of_zero(backbone.input[0], [0, 1, 3, 2], (1, 3, 100, 32))
    assert source(model, after) == addition


def test_pad_widens_the_grid_by_one() -> None:
    """The exporter computes the widths from a list in Paddle's order."""
    model = onnx.load(PLACEHOLDER)
    (pad,) = (node for node in model.graph.node if node.op_type == "Pad")
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(pad.input[1], onnx.TensorProto.INT64, [10])
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (pads,) = session.run([pad.input[1]], {"x": pictures(1, 1)})
    assert np.asarray(pads).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_both_files_have_the_same_weights() -> None:
    direct, placeholder = constants(onnx.load(DIRECT)), constants(onnx.load(PLACEHOLDER))
    weights = [name for name in direct if not name.startswith(("p2o.", "helper.", "auto."))]
    assert sum(direct[name].size for name in weights) > 100_000
    for name in weights:
        np.testing.assert_array_equal(direct[name], placeholder[name])
