# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found"
"""Every pass, and ``auto``, on a part of the corpus; ``python -m tests.corpus`` runs the whole."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from graphfix.model import load
from graphfix.plugins import load_registry
from graphfix.target import load_profile
from tests.corpus.cases import CASES, Case
from tests.corpus.export import export, network
from tests.corpus.known import is_known
from tests.corpus.sweep import fit, one_pass, pipelines

DEAR = ("sim",)
"""Has tests of its own, and would take most of the time here."""

CHOSEN = (
    "efficientnet-ts17",
    "shufflenet-ts11-dynamic",
    "unet-ts13-dynamic",
    "space2depth-ts17",
    "warp-ts17",
    "yolov8-ts17-dynamic",
    "yolo-nms-ts11",
    "centernet-ts13-dynamic",
    "crnn-ts11-dynamic",
    "decoder-ts17",
    "swin-ts11",
    "speech-ts17-dynamic",
)
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module", params=CHOSEN)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, Path]:
    case = BY_NAME[request.param]
    path = tmp_path_factory.mktemp("corpus") / f"{case.name}.onnx"
    export(case, path)
    return case, path


def test_the_export_computes_what_torch_does_and_feels_its_inputs(
    exported: tuple[Case, Path],
) -> None:
    case, path = exported
    module, inputs = network(case)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    names = [given.name for given in session.get_inputs()]
    found = session.run(None, dict(zip(names, [each.numpy() for each in inputs], strict=True)))
    with torch.no_grad():
        wanted = module(*inputs)
    for array, tensor in zip(found, wanted if isinstance(wanted, tuple) else [wanted], strict=True):
        np.testing.assert_allclose(array, tensor.numpy(), rtol=1e-3, atol=1e-4)
        assert array.size == 1 or array.std() > 1e-3, "a fault would not show"


def test_every_pass_is_right(exported: tuple[Case, Path], tmp_path: Path) -> None:
    case, path = exported
    registry = load_registry()
    texts = [text for text in pipelines(registry, load(path)) if text.partition("{")[0] not in DEAR]
    done = [one_pass(path, text, registry, tmp_path) for text in texts]
    assert [each for each in done if each.verdict.fails and not is_known(case.name, each)] == []
    assert sum(each.rewrites for each in done) > 0


def test_auto_makes_it_fit(exported: tuple[Case, Path], tmp_path: Path) -> None:
    _, path = exported
    fitted = fit(path, load_registry(), load_profile("ascend310p3", "8.5"), tmp_path)
    assert fitted.failure == ""
    assert fitted.left == ()
