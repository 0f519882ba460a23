"""What adapters say to AIPP is what they do to their samples."""

from pathlib import Path

import numpy as np
import pytest

import graphfix_adapters
from graphfix.atc.preprocessing import Pixels, preprocessing_of
from graphfix.plugins import load_registry

REGISTRY = load_registry(also={"graphfix-adapters": graphfix_adapters.PLUGIN})
ADAPTERS = [REGISTRY.adapter(name) for name in REGISTRY.adapter_names()]
SAYING = [adapter for adapter in ADAPTERS if adapter.preprocessing]


def test_some_adapters_say_it() -> None:
    assert {"intrada", "ocrnet"} <= {adapter.name for adapter in SAYING}


@pytest.mark.parametrize("adapter", [pytest.param(each, id=each.name) for each in SAYING])
def test_samples_are_pixels_as_aipp_makes_inputs_of_them(adapter, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    adapter.tiny(tmp_path)
    (array,) = next(iter(adapter.samples(tmp_path))).inputs.values()
    _, channels, *size = array.shape
    aipp = preprocessing_of(adapter.name, adapter.preprocessing).resolve((size[0], size[1]))
    assert channels == len(aipp.mean)
    mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in (aipp.mean, aipp.std))
    pixels = array * std + mean
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-3)
    assert (pixels.min() > -0.5, pixels.max() < 255.5) == (True, True)
    assert aipp.pixels in (Pixels.RGB, Pixels.BGR)
    assert np.ptp(pixels) > 100, "pictures of one colour would show nothing"
