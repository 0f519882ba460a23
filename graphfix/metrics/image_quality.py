"""Quality of restored images: PSNR and SSIM, as papers on super-resolution report them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphfix.contract import Array
from graphfix.datasets.files import files_by_name
from graphfix.datasets.images import IMAGE_SUFFIXES, read_image
from graphfix.errors import ModelError, UsageError
from graphfix.metrics.judged import Judged, some
from graphfix.metrics.metric import Files, Metric, arrays, decoded
from graphfix.metrics.score import Figure, Score, Unit

RANGE = 255.0
"""Largest possible value of a pixel: L in the formula of SSIM, the peak of PSNR."""
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03


def image_quality(
    samples: Iterable[Judged[Array, Array]], *, border: int = 0, luma: bool = True
) -> Score:
    """``PSNR`` in dB and ``SSIM``, the means over the images.

    Images are ``[H, W]`` or ``[H, W, 3]`` in the order RGB, of any number type, with values from 0
    to 255. ``border`` pixels are cut off on every side. Of colours only the ``luma`` is compared,
    ``Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255`` (ITU-R BT.601, not rounded); without
    ``luma`` PSNR is of the three channels together and SSIM the mean of them.

    ``PSNR = 10 log10(255² / MSE)``, infinite for equal images. SSIM: Wang et al., Image Quality
    Assessment (2004), equation 13 with a Gaussian window of 11 by 11 and sigma 1.5, K1 = 0.01,
    K2 = 0.03, L = 255, variances divided by the sum of the weights, and the mean over all windows
    that lie wholly inside the image.

    Raises:
        UsageError: there is no sample, shapes differ, or an image is smaller than the window.
    """
    count = 0
    psnr = ssim = 0.0
    for sample in some(samples):
        if sample.output.shape != sample.truth.shape:
            raise UsageError(
                f"sample {sample.name}: shape {sample.output.shape}, but the truth has "
                f"{sample.truth.shape}"
            )
        left, right = (_channels(item, border, luma) for item in (sample.output, sample.truth))
        if min(left.shape[1:]) < _WINDOW:
            raise UsageError(
                f"sample {sample.name}: {left.shape[2]} x {left.shape[1]} pixels inside the "
                f"border; SSIM needs {_WINDOW} x {_WINDOW}"
            )
        count += 1
        psnr += _psnr(left, right)
        ssim += float(np.mean([_ssim(x, y) for x, y in zip(left, right, strict=True)]))
    figures = (Figure("PSNR", psnr / count, Unit.DECIBEL), Figure("SSIM", ssim / count))
    return Score(figures, count, "images")


def _channels(image: Array, border: int, luma: bool) -> Array:
    """The image in float64, as ``[C, H, W]``."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise UsageError(f"shape {image.shape} is no image [H, W] or [H, W, 3]")
    height, width = image.shape[:2]
    inner: Array = image[border : height - border, border : width - border].astype(np.float64)
    if image.ndim == 3 and luma:
        red, green, blue = np.moveaxis(inner, 2, 0)
        inner = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    return inner[np.newaxis] if inner.ndim == 2 else inner.transpose(2, 0, 1)


def _psnr(left: Array, right: Array) -> float:
    error = float(np.mean((left - right) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(RANGE**2 / error))


def _ssim(x: Array, y: Array) -> float:
    c1, c2 = (_K1 * RANGE) ** 2, (_K2 * RANGE) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return float(similarity.mean())


def _blur(image: Array) -> Array:
    """Gaussian means of all windows inside the image; the window is a product, so row by row."""
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    height, width = (size - _WINDOW + 1 for size in image.shape)
    rows = sum(weight * image[k : k + height] for k, weight in enumerate(weights))
    blurred: Array = sum(weight * rows[:, k : k + width] for k, weight in enumerate(weights))
    return blurred


@dataclass(frozen=True)
class ImageQuality(Metric):
    """PSNR and SSIM of restored images, on the luma channel if not told otherwise."""

    name = "psnr"
    outputs = "folder of arrays: images [1,3,H,W], [3,H,W] or [H,W], RGB"
    labels = "folder of images of the same names"
    libraries = ("pillow",)

    scale: float = RANGE
    """What outputs are multiplied by to lie between 0 and 255; they are rounded and clipped."""
    border: int = 0
    """Pixels to leave out on every side; usually the factor of super-resolution."""
    luma: bool = True
    """Whether only the luma channel of colours is compared."""
    bgr: bool = False
    """Whether the channels of the output are in the order BGR."""

    def __post_init__(self) -> None:
        if self.border < 0:
            raise ValueError("border may not be negative")

    def evaluate(self, files: Files) -> Score:
        """See :func:`image_quality`."""
        truths = files_by_name(files.labels, IMAGE_SUFFIXES)
        samples = decoded(arrays(files, truths), self._image)
        return image_quality(
            (self._with_truth(sample) for sample in samples), border=self.border, luma=self.luma
        )

    def _with_truth(self, sample: Judged[Array, Path]) -> Judged[Array, Array]:
        mode = "RGB" if sample.output.ndim == 3 else "L"
        return Judged(sample.name, sample.output, read_image(sample.truth, mode))

    def _image(self, output: Array) -> Array:
        array = output[0] if output.ndim == 4 and output.shape[0] == 1 else output
        if array.ndim == 3 and array.shape[0] in (1, 3):
            array = array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
        elif array.ndim != 2:
            raise UsageError(f"shape {output.shape} is no image; give its shape, such as 1,3,?,64")
        if np.isnan(array).any():
            raise ModelError(f"{np.count_nonzero(np.isnan(array))} of {array.size} pixels are NaN")
        if array.ndim == 3 and self.bgr:
            array = array[:, :, ::-1]
        return np.clip(np.rint(array.astype(np.float64) * self.scale), 0, 255)
