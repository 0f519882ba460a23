"""Preprocessing in YAML becomes AIPP that computes the same."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from graphfix.atc.aipp_config import AippOp, parse_aipp
from graphfix.atc.preprocessing import read_preprocessing, write_aipp
from graphfix.errors import UsageError

Floats = npt.NDArray[np.float64]


def aipp(text: str, folder: Path, size: tuple[int, int] | None = (4, 6)) -> AippOp:
    path = folder / "aipp.yaml"
    path.write_text(text)
    config = parse_aipp(write_aipp(1, read_preprocessing(path).resolve(size)))
    assert config.problems == ()
    (op,) = config.ops
    assert (op.text("aipp_mode"), op.integer("related_input_rank")) == ("static", 1)
    return op


def compute(op: AippOp, picture: Floats) -> Floats:
    """What AIPP is documented to do with a picture [H, W, C], as NCHW."""
    height, width = op.integer("src_image_size_h"), op.integer("src_image_size_w")
    assert picture.shape[:2] == (height, width)
    if op.switch("crop"):
        top, left = op.integer("load_start_pos_h"), op.integer("load_start_pos_w")
        picture = picture[top : top + op.integer("crop_size_h")]
        picture = picture[:, left : left + op.integer("crop_size_w")]
    if op.switch("rbuv_swap_switch"):
        swap = [0, 2, 1] if op.text("input_format").startswith("YUV") else [2, 1, 0]
        picture = picture[..., swap]
    if op.switch("csc_switch"):
        matrix = [[op.integer(f"matrix_r{r}c{c}") for c in range(3)] for r in range(3)]
        bias = [op.integer(f"input_bias_{c}") for c in range(3)]
        picture = np.clip((picture - bias) @ np.array(matrix).T / 256, 0, 255)
    channels = []
    for c in range(picture.shape[2]):
        shifted = picture[..., c] - op.integer(f"mean_chn_{c}") - float(op.text(f"min_chn_{c}"))
        channels.append(shifted * float(op.text(f"var_reci_chn_{c}")))
    return np.stack(channels)


def test_crop_colours_mean_and_std(tmp_path: Path) -> None:
    text = (
        "pixels: rgb\nmodel: bgr\nsize: [8, 12]\ncrop: center\nscale: 255\n"
        "mean: [0.406, 0.456, 0.485]\nstd: [0.225, 0.224, 0.229]\n"
    )
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(float)
    wanted = picture[2:6, 3:9, ::-1] / 255
    wanted = (wanted - [0.406, 0.456, 0.485]) / [0.225, 0.224, 0.229]
    got = compute(aipp(text, tmp_path), picture)
    np.testing.assert_allclose(got, wanted.transpose(2, 0, 1), rtol=1e-6, atol=1e-6)


def test_one_number_stands_for_all_channels(tmp_path: Path) -> None:
    picture = np.arange(24.0).reshape(4, 6, 1)
    got = compute(aipp("pixels: gray\nmean: 127.5\nstd: 127.5\n", tmp_path), picture)
    np.testing.assert_allclose(got[0], picture[..., 0] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("pixels", ["nv12", "nv21"])
@pytest.mark.parametrize("model", ["rgb", "bgr"])
@pytest.mark.parametrize("range_", ["full", "video"])
def test_yuv_becomes_the_colours_it_stands_for(
    tmp_path: Path, pixels: str, model: str, range_: str
) -> None:
    colours = np.random.default_rng(1).uniform(20, 230, (4, 6, 3))
    # ITU-R BT.601 the other way round, from its luma weights.
    luma = colours @ [0.299, 0.587, 0.114]
    u, v = (colours[..., 2] - luma) / 1.772, (colours[..., 0] - luma) / 1.402
    if range_ == "video":
        luma, u, v = 16 + luma * 219 / 255, u * 224 / 255, v * 224 / 255
    chroma = [u + 128, v + 128]
    stored = np.stack([luma, *(chroma if pixels == "nv12" else chroma[::-1])], axis=-1)
    got = compute(aipp(f"pixels: {pixels}\nmodel: {model}\nrange: {range_}\n", tmp_path), stored)
    wanted = colours if model == "rgb" else colours[..., ::-1]
    np.testing.assert_allclose(got, wanted.transpose(2, 0, 1), atol=1.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean: [1, 2]", "mean: must be 3 numbers, not [1, 2]"),
        ("mean: .nan", "mean: must be 3 numbers, not nan"),
        ("std: 1.0e-320", "std and scale must be above 0"),
        ("std: 0", "std and scale must be above 0"),
        ("pixels: hsv", "pixels: 'hsv' is not one of rgb, bgr, gray, nv12, nv21"),
        ("layout: nchw", "layout: AIPP reads NHWC only; the model's input stays NCHW"),
        ("crop: [0, 0, 9, 9]", "crop: Crop(top=0, left=0, height=9, width=9) is not inside"),
        ("size: [4]", "size: must be 2 whole numbers, not [4]"),
        ("pixels: gray\nmodel: rgb", "AIPP does not make rgb from gray"),
        ("means: 1", "'means' is not one of input, pixels"),
        ("- 1", "must be a mapping with keys such as pixels, mean, std"),
        ("a: [", "is not YAML: "),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        aipp(text, tmp_path)
    said = str(raised.value).removeprefix(f"--aipp {tmp_path / 'aipp.yaml'}: ")
    assert said.startswith(message)


def test_a_size_is_needed_where_the_model_has_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="size: give height and width"):
        aipp("pixels: rgb", tmp_path, None)
