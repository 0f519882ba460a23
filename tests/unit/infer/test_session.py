"""``InferSession`` takes and returns what ais_bench's session does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphfix.infer import InferSession
from tests.unit.infer.models import write_model


def session(model: str, folder: Path, **options: Any) -> InferSession:
    write_model(model, folder)
    return InferSession(0, str(folder / "m.om"), **options)


def ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.float32)


def test_inputs_and_outputs_are_described(tmp_path: Path) -> None:
    found = session("free2", tmp_path)
    a, b = found.get_inputs()
    assert (a.name, a.shape, a.datatype.name, a.format, a.size) == ("a", [-1, 2], "float32", 0, 0)
    assert (b.name, b.shape, b.datatype.name) == ("b", [-1, 1], "int32")
    (y,) = found.get_outputs()
    assert (y.name, y.shape) == ("y", [-1, 2])
    fixed = session("batch4", tmp_path).get_inputs()[0]
    assert (fixed.shape, fixed.size, fixed.realsize) == ([4, 3], 48, 48)


def test_static(tmp_path: Path) -> None:
    y, s = session("batch4", tmp_path).infer([ones(4, 3)])
    assert y.tolist() == [[2, 2, 2]] * 4
    assert s.tolist() == [[3]] * 4


def test_bytes_count_and_not_the_type(tmp_path: Path) -> None:
    (y,) = session("batch1", tmp_path).infer([np.array([1, 2, 3], np.int32)])
    assert y.tolist() == [[1, 1, 1]]


def test_a_view_is_read_by_its_values(tmp_path: Path) -> None:
    data = np.arange(12, dtype=np.float32).reshape(3, 4).T
    assert session("batch4", tmp_path).infer([data])[0].tolist() == (data + 1).tolist()


@pytest.mark.parametrize(
    ("model", "mode", "shape"),
    [
        ("dynamic", "dymbatch", (2, 3)),
        ("late", "dymbatch", (2, 5)),
        ("dynamic", "dymdims", (5, 3)),
        ("dynamic", "dymshape", (7, 3)),
        ("picture", "dymhw", (1, 1, 4, 5)),
        ("free", "dymshape", (2, 2)),
    ],
)
def test_dynamic_modes(model: str, mode: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    (y,) = session(model, tmp_path).infer([ones(*shape)], mode)
    assert y.shape == shape
    assert (y == 2).all()


def test_a_picture_beside_an_input_of_fixed_size(tmp_path: Path) -> None:
    (y,) = session("pictures", tmp_path).infer([ones(1, 1, 4, 5), ones(1, 1, 1, 1)], "dymhw")
    assert y.shape == (1, 1, 4, 5)


def test_a_numpy_number_is_an_array_of_one(tmp_path: Path) -> None:
    found = session("dynamic", tmp_path)
    with pytest.raises(RuntimeError, match=r"input 'x' has the shape \[-1,3\]; \[1\] does not fit"):
        found.infer([np.float32(1)], "dymshape")


@pytest.mark.parametrize(
    ("feeds", "mode", "message"),
    [
        ([np.ones((1, 3))], "static", "ndata size:24 not match 12"),
        ([[1, 2, 3]], "static", "type:list invalid"),
        ([], "static", "0 feeds for 1 inputs: x"),
        ([ones(1, 3)], "dynbatch", "mode 'dynbatch' is not one of static, dymbatch, dymhw"),
        ([ones(1, 3)], "dymbatch", "no input has a dynamic dim"),
        ([ones(2, 3)], "dymshape", r"\[2,3\] does not fit"),
    ],
)
def test_wrong_feeds_are_runtime_errors(
    feeds: list[Any], mode: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match=message):
        session("batch1", tmp_path).infer(feeds, mode)


def test_a_dynamic_model_in_static_mode(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"dynamic shape .* --dymShape"):
        session("dynamic", tmp_path).infer([ones(1, 3)])


def test_an_output_larger_than_custom_sizes_warns(tmp_path: Path) -> None:
    found = session("dynamic", tmp_path)
    with pytest.warns(UserWarning, match="output 0 has 24 bytes; custom_sizes leaves 23"):
        found.infer([ones(2, 3)], "dymshape", custom_sizes=23)
    found.infer([ones(2, 3)], "dymshape", custom_sizes=[24])


def test_a_pipeline_is_a_list_of_runs(tmp_path: Path) -> None:
    results = session("batch1", tmp_path).infer_pipeline([[ones(1, 3)], [ones(1, 3) * 4]])
    assert [y.tolist() for (y,) in results] == [[[2, 2, 2]], [[5, 5, 5]]]


def test_iteration_feeds_outputs_back(tmp_path: Path) -> None:
    found = session("two", tmp_path)
    feeds = [np.zeros((2, 2), np.float32), np.array([[1], [10]], np.int32)]
    (y,) = found.infer_iteration(feeds, [0, -1], iteration_times=3)
    assert y.tolist() == [[3, 3], [30, 30]]
    assert found.infer_iteration(feeds, iteration_times=3)[0].tolist() == [[1, 1], [10, 10]]
    with pytest.raises(RuntimeError, match=r"in_out_list \[1, -1\] must have 2 numbers from -1"):
        found.infer_iteration(feeds, [1, -1])


def test_sizes_set_beforehand(tmp_path: Path) -> None:
    found = session("dynamic", tmp_path)
    found.set_dynamic_batchsize(2)
    assert found.run([np.zeros(6, np.float32)])[0].shape == (2, 3)
    found.set_dynamic_dims("x:4,3")
    assert found.run([np.zeros(12, np.float32)])[0].shape == (4, 3)
    picture = session("picture", tmp_path)
    picture.set_dynamic_hw(2, 3)
    assert picture.run([np.zeros(6, np.float32)])[0].shape == (1, 1, 2, 3)


def test_times_are_milliseconds_and_can_be_forgotten(tmp_path: Path) -> None:
    found = session("batch1", tmp_path, loop=3)
    found.infer([ones(1, 3)])
    times = found.summary().exec_time_list
    assert len(times) == 3
    assert all(isinstance(each, float) and each > 0 for each in times)
    assert found.sumary() == found.summary()
    found.reset_sumaryinfo()
    assert found.summary().exec_time_list == []


def test_tensors_on_the_device_are_arrays(tmp_path: Path) -> None:
    found = session("batch1", tmp_path)
    tensor = found.create_tensor_from_arrays_to_device(ones(1, 3))
    outputs = found.run([tensor], out_array=False)
    found.convert_tensors_to_host(outputs)
    assert found.convert_tensors_to_arrays(outputs)[0].tolist() == [[2, 2, 2]]
    (tmp_path / "x.bin").write_bytes(ones(1, 3).tobytes())
    tensor = found.create_tensor_from_fileslist(found.get_inputs()[0], [tmp_path / "x.bin"])
    assert found.run([tensor])[0].tolist() == [[2, 2, 2]]
