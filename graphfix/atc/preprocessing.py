"""What happens to a picture before the model, said in numbers people know, written as AIPP.

AIPP computes ``(pixel - mean_chn - min_chn) * var_reci_chn`` for each channel, after crop, exchange
of channels and colour conversion (documentation of ``--insert_op_conf``). ``mean_chn`` is an
integer, so the mean goes into ``min_chn``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Final

import yaml

from graphfix.errors import UsageError


class Pixels(Enum):
    """How the picture that is fed is stored: 8 bits, packed (NHWC) or semi-planar YUV."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"
    NV12 = "nv12"
    """YUV 4:2:0, U before V."""
    NV21 = "nv21"
    """YUV 4:2:0, V before U."""


@dataclass(frozen=True)
class Crop:
    """A part of the picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Preprocessing:
    """The way from 8-bit pixels to what the model was trained on: crop, colours, mean, std."""

    pixels: Pixels
    model: Pixels
    """Colour order of the model: RGB, BGR or GRAY."""
    size: tuple[int, int]
    """Height and width of the picture that is fed."""
    crop: Crop | None
    mean: tuple[float, ...]
    """One for each channel in the model's order, in units of pixels (0 to 255)."""
    std: tuple[float, ...]
    full_range: bool = True
    """Whether YUV goes from 0 to 255 (JPEG) or Y from 16 to 235 (video)."""

    @property
    def channels(self) -> int:
        """Of the model's input."""
        return 1 if self.model is Pixels.GRAY else 3


_SMALLEST: Final = 1e-9
"""Of a standard deviation; AIPP has 16-bit floats."""
_KEYS: Final = (
    "input",
    "pixels",
    "model",
    "layout",
    "size",
    "crop",
    "mean",
    "std",
    "scale",
    "range",
)


@dataclass(frozen=True)
class PreprocessingDocument:
    """A YAML file, or what an adapter says, before the size of the model's input is known."""

    source: str
    """The file or the adapter."""
    input: str
    """Empty for the first one."""
    document: Mapping[str, object]

    def resolve(self, model_size: tuple[int, int] | None) -> Preprocessing:
        """What the file says; ``model_size`` is height and width of the input, where fixed.

        Raises:
            UsageError: something in the file cannot be, with its key.
        """
        try:
            return _preprocessing(self.document, model_size)
        except UsageError as error:
            raise UsageError(f"--aipp {self.source}: {error}") from error


def read_preprocessing(path: Path) -> PreprocessingDocument:
    """Read a YAML file with these keys, of which none is needed::

        input: image            # the first one by default
        pixels: rgb             # rgb, bgr, gray, nv12 or nv21: what is fed
        model: bgr              # rgb, bgr or gray: what the model wants; as pixels by default
        size: [256, 256]        # height and width of what is fed; those of the model by default
        crop: center            # or [top, left, height, width]
        mean: [0.485, 0.456, 0.406]     # in the model's order of colours
        std: [0.229, 0.224, 0.225]
        scale: 255              # mean and std are for pixels divided by it; 1 by default
        range: full             # or video, for YUV
        layout: nhwc            # nothing else is possible

    Raises:
        UsageError: the file cannot be read, or is no mapping with these keys.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--aipp {path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--aipp {path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise UsageError(f"--aipp {path}: must be a mapping with keys such as pixels, mean, std")
    return preprocessing_of(str(path), document)


def preprocessing_of(source: str, document: Mapping[str, object]) -> PreprocessingDocument:
    """The same keys, said by an adapter.

    Raises:
        UsageError: there is another key.
    """
    for key in document:
        if key not in _KEYS:
            raise UsageError(f"--aipp {source}: {key!r} is not one of {', '.join(_KEYS)}")
    return PreprocessingDocument(source, str(document.get("input", "")), document)


def _preprocessing(
    document: Mapping[str, object], model_size: tuple[int, int] | None
) -> Preprocessing:
    if str(document.get("layout", "nhwc")).lower() != "nhwc":
        raise UsageError("layout: AIPP reads NHWC only; the model's input stays NCHW")
    pixels = _pixels(document.get("pixels", "rgb"), "pixels")
    yuv = pixels in (Pixels.NV12, Pixels.NV21)
    model = _pixels(document.get("model", "rgb" if yuv else pixels.value), "model")
    if model in (Pixels.NV12, Pixels.NV21):
        raise UsageError("model: must be rgb, bgr or gray")
    if (model is Pixels.GRAY) != (pixels is Pixels.GRAY):
        raise UsageError(f"AIPP does not make {model.value} from {pixels.value}")
    size = _size(document.get("size"), model_size)
    channels = 1 if model is Pixels.GRAY else 3
    scale = _numbers(document.get("scale", 1), 1, "scale")[0]
    mean = _numbers(document.get("mean", 0), channels, "mean")
    std = _numbers(document.get("std", 1), channels, "std")
    if not all(value > _SMALLEST for value in (*std, scale)):
        raise UsageError("std and scale must be above 0")
    range_ = document.get("range", "full")
    if range_ not in ("full", "video"):
        raise UsageError(f"range: {range_!r} is neither full nor video")
    return Preprocessing(
        pixels,
        model,
        size,
        _crop(document.get("crop"), size, model_size, even=yuv),
        tuple(value * scale for value in mean),
        tuple(value * scale for value in std),
        range_ == "full",
    )


def _pixels(value: object, key: str) -> Pixels:
    try:
        return Pixels(str(value).lower())
    except ValueError:
        choices = ", ".join(item.value for item in Pixels)
        raise UsageError(f"{key}: {value!r} is not one of {choices}") from None


def _numbers(value: object, count: int, key: str) -> tuple[float, ...]:
    """A number for each channel; one number stands for all."""
    values = value if isinstance(value, list) else [value] * count
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) != len(values) or len(values) != count or not all(map(isfinite, numbers)):
        raise UsageError(f"{key}: must be {count} numbers, not {value!r}")
    return tuple(map(float, numbers))


def _whole(value: object, count: int, key: str) -> tuple[int, ...]:
    if (
        not isinstance(value, list)
        or len(value) != count
        or not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value)
    ):
        raise UsageError(f"{key}: must be {count} whole numbers, not {value!r}")
    return tuple(value)


def _size(value: object, model_size: tuple[int, int] | None) -> tuple[int, int]:
    if value is None and model_size is not None:
        return model_size
    if value is None:
        raise UsageError("size: give height and width, the model's input does not fix them")
    height, width = _whole(value, 2, "size")
    return height, width


def _crop(
    value: object, size: tuple[int, int], model_size: tuple[int, int] | None, *, even: bool
) -> Crop | None:
    if value is None:
        return None
    if value == "center":
        if model_size is None:
            raise UsageError("crop: center needs an input of fixed height and width")
        spare = [have - want for have, want in zip(size, model_size, strict=True)]
        step = 2 if even else 1
        top, left = (half // 2 // step * step for half in spare)
        crop = Crop(top, left, *model_size)
    else:
        crop = Crop(*_whole(value, 4, "crop"))
    if (
        crop.top < 0
        or crop.left < 0
        or crop.top + crop.height > size[0]
        or (crop.left + crop.width > size[1])
    ):
        raise UsageError(f"crop: {crop} is not inside the picture of {size[0]}x{size[1]}")
    return crop


def write_aipp(index: int, wanted: Preprocessing) -> str:
    """The AIPP file for input number ``index``."""
    yuv = wanted.pixels in (Pixels.NV12, Pixels.NV21)
    form = "YUV420SP_U8" if yuv else "YUV400_U8" if wanted.model is Pixels.GRAY else "RGB888_U8"
    fields: dict[str, object] = {
        "aipp_mode": "static",
        "related_input_rank": index,
        "input_format": form,
        "src_image_size_h": wanted.size[0],
        "src_image_size_w": wanted.size[1],
    }
    if wanted.crop is not None:
        fields |= {
            "crop": "true",
            "load_start_pos_h": wanted.crop.top,
            "load_start_pos_w": wanted.crop.left,
            "crop_size_h": wanted.crop.height,
            "crop_size_w": wanted.crop.width,
        }
    if yuv:
        fields |= _colours(wanted)
    swapped = wanted.pixels is Pixels.NV21 or (not yuv and wanted.pixels is not wanted.model)
    fields["rbuv_swap_switch"] = str(swapped).lower()
    for channel in range(wanted.channels):
        fields[f"mean_chn_{channel}"] = 0
        fields[f"min_chn_{channel}"] = f"{wanted.mean[channel]:.9g}"
        fields[f"var_reci_chn_{channel}"] = f"{1 / wanted.std[channel]:.9g}"
    lines = [f"    {name}: {value}" for name, value in fields.items()]
    return "\n".join(("aipp_op {", *lines, "}", ""))


# ITU-R BT.601: R = Y + 1.402 V, G = Y - 0.344136 U - 0.714136 V, B = Y + 1.772 U, with U and V
# around 0. Video range has 219 steps for Y and 224 for U and V. AIPP has 8 bits after the point.
_RED: Final = (1.0, 0.0, 1.402)
_GREEN: Final = (1.0, -0.344136, -0.714136)
_BLUE: Final = (1.0, 1.772, 0.0)


def _colours(wanted: Preprocessing) -> dict[str, object]:
    rows: Sequence[Sequence[float]] = (_RED, _GREEN, _BLUE)
    if wanted.model is Pixels.BGR:
        rows = (_BLUE, _GREEN, _RED)
    stretch = (1.0, 1.0, 1.0) if wanted.full_range else (255 / 219, 255 / 224, 255 / 224)
    matrix = {
        f"matrix_r{r}c{c}": round(256 * rows[r][c] * stretch[c]) for r in range(3) for c in range(3)
    }
    biases = (0 if wanted.full_range else 16, 128, 128)
    return {
        "csc_switch": "true",
        **matrix,
        **{f"input_bias_{c}": bias for c, bias in enumerate(biases)},
    }
