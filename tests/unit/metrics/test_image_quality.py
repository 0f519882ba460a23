"""PSNR and SSIM. The expected numbers of whole images are those of scikit-image 0.26."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphfix.errors import ModelError, UsageError
from graphfix.metrics import METRICS, Files, Judged, Layout, image_quality
from graphfix.metrics.image_quality import ImageQuality
from tests.cli_runner import run

Y, X = np.mgrid[0:24, 0:31]
GRAY = ((X * 37 + Y * 11) % 256).astype(np.uint8)
OTHER = ((X * 37 + Y * 13 + 5) % 256).astype(np.uint8)
RGB = np.stack([GRAY, GRAY // 2, 255 - GRAY], -1)
OTHER_RGB = np.stack([OTHER, OTHER // 2 + 3, 250 - OTHER // 2], -1)


def figures(left: np.ndarray, right: np.ndarray, **options: int) -> list[float]:
    score = image_quality([Judged("img", left, right)], **options)  # type: ignore[arg-type]  # bool
    return [figure.value for figure in score.figures]


def test_gray_images_agree_with_scikit_image() -> None:
    assert figures(GRAY, OTHER) == pytest.approx([10.176436434611437, 0.4339997894352947], rel=1e-9)


def test_colours_agree_with_scikit_image() -> None:
    found = figures(RGB, OTHER_RGB, luma=False)

    assert found == pytest.approx([10.920222669613102, 0.4020778456927969], rel=1e-9)


def test_luma_inside_a_border_agrees_with_scikit_image() -> None:
    found = figures(RGB, OTHER_RGB, border=2)

    assert found == pytest.approx([17.187374156579974, 0.44760026951490156], rel=1e-9)


def test_ssim_of_one_window_is_its_definition() -> None:
    x, y = GRAY[:11, :11].astype(float), OTHER[:11, :11].astype(float)
    d = np.arange(-5, 6)
    w = np.exp(-(d[:, None] ** 2 + d[None] ** 2) / (2 * 1.5**2))
    w /= w.sum()
    mx, my = (w * x).sum(), (w * y).sum()
    vx, vy = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum()
    vxy = (w * (x - mx) * (y - my)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))

    assert figures(x, y)[1] == pytest.approx(expected, rel=1e-10)


def test_figures_are_means_over_images() -> None:
    score = image_quality([Judged("a", GRAY, OTHER), Judged("b", RGB, OTHER_RGB)])
    one, two = figures(GRAY, OTHER), figures(RGB, OTHER_RGB)

    assert [f.value for f in score.figures] == pytest.approx(np.mean([one, two], axis=0).tolist())


def test_equal_images_and_nan() -> None:
    assert figures(GRAY, GRAY) == [float("inf"), pytest.approx(1)]
    assert np.isnan(figures(np.full((11, 11), np.nan), np.zeros((11, 11)))).all()


@pytest.mark.parametrize(
    ("left", "right", "border", "message"),
    [
        (GRAY, RGB, 0, r"shape \(24, 31\), but the truth has \(24, 31, 3\)"),
        (GRAY, OTHER, 7, "sample img: 17 x 10 pixels inside the border; SSIM needs 11 x 11"),
        (GRAY, OTHER, 20, "0 x 0 pixels inside the border; SSIM needs 11 x 11"),
        (RGB[..., :2], RGB[..., :2], 0, r"shape \(24, 31, 2\) is no image"),
    ],
)
def test_what_is_no_pair_of_images_is_refused(
    left: np.ndarray, right: np.ndarray, border: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        figures(left, right, border=border)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The output of a model that makes ``OTHER_RGB`` of an image that is ``RGB``."""
    (tmp_path / "out").mkdir()
    (tmp_path / "hr").mkdir()
    Image.fromarray(RGB).save(tmp_path / "hr" / "img.png")
    chw = OTHER_RGB.transpose(2, 0, 1).astype(np.float32) / 255
    chw[np.newaxis].tofile(tmp_path / "out" / "img_0.bin")
    return Files(tmp_path / "out", tmp_path / "hr", Layout(shape=(1, 3, 24, 31)))


def test_outputs_become_images(files: Files) -> None:
    expected = figures(RGB, OTHER_RGB, border=2)
    found = ImageQuality(border=2).evaluate(files)

    assert [figure.value for figure in found.figures] == pytest.approx(expected, rel=1e-9)
    blue_first = ImageQuality(border=2, bgr=True).evaluate(files)
    swapped = figures(RGB, OTHER_RGB[..., ::-1], border=2)
    assert [figure.value for figure in blue_first.figures] == pytest.approx(swapped, rel=1e-9)


def test_outputs_are_clipped_and_rounded_before_they_are_compared(files: Files) -> None:
    chw = RGB.transpose(2, 0, 1).astype(np.float32) + 0.4
    chw[chw > 255] = 300
    chw.tofile(files.outputs / "img_0.bin")

    assert ImageQuality(scale=1).evaluate(files).figures[0].value == float("inf")


def test_an_output_with_nan_is_named(files: Files) -> None:
    np.full((3, 24, 31), np.nan, np.float32).tofile(files.outputs / "img_0.bin")
    with pytest.raises(ModelError, match="sample img: 2232 of 2232 pixels are NaN"):
        METRICS["psnr"]().evaluate(files)


def test_a_percentage_of_decibels_is_refused(files: Files) -> None:
    options = ("--labels", files.labels, "--metric", "psnr", "--shape", "3,24,31")
    right = run("evaluate", files.outputs, *options, "--reference", "20", "--allowed-drop", "15%")
    wrong = run("evaluate", files.outputs, *options, "--reference", "20%")

    assert right.code == 0
    assert right.out.endswith("(reference 20 dB, allowed drop 15 % of it, relative)\n")
    assert (wrong.code, wrong.err) == (2, "error: --reference 20%: PSNR is no fraction\n")


def test_a_broken_image_is_named(files: Files) -> None:
    path = files.labels / "img.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"img\.png: cannot be read as an image"):
        ImageQuality().evaluate(files)
