# torch is not installed where types are checked
# mypy: disable-error-code="misc, import-not-found, no-any-return, unused-ignore"
"""Networks with random but sensible weights, and their export by torch."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from tests.corpus.cases import NETWORKS, Case, Exporter, Network

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


def network(case: Case) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The module in evaluation, and its example inputs; always the same numbers.

    Weights keep the scale of what passes through them, and batch norms have seen the statistics of
    signed noise: no layer is so quiet or so saturated that a fault in it would not be seen.
    """
    torch.manual_seed(0)
    described = NETWORKS[case.network]
    module = described.build()
    for part in module.modules():
        _scale(part)
    _calibrate(module, described)
    return module.eval(), tuple(make() for make in described.inputs.values())


def _scale(part: nn.Module) -> None:
    if isinstance(part, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)):
        if part.weight.shape[1:].numel() > 1:
            nn.init.kaiming_normal_(part.weight, nonlinearity="linear")
        if part.bias is not None:
            nn.init.normal_(part.bias, std=0.2)
    elif isinstance(part, _NORMS) and part.weight is not None:
        nn.init.uniform_(part.weight, 0.5, 1.5)
        nn.init.normal_(part.bias, std=0.2)


def _calibrate(module: nn.Module, described: Network) -> None:
    norms = [m for m in module.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    module.eval()  # detectors want targets otherwise
    for norm in norms:
        norm.momentum = None  # the plain mean of what it sees
        norm.train()
    with torch.no_grad():
        for _ in range(4 if norms else 0):
            module(*(make() for make in described.inputs.values()))


def export(case: Case, path: Path) -> None:
    """Write the model; it must be one that ONNX's own checker takes."""
    module, inputs = network(case)
    described = NETWORKS[case.network]
    named = dict(zip(described.inputs, inputs, strict=True))
    dynamic = described.dynamic if case.dynamic else {}
    write(module, named, path, case.exporter, case.opset, dynamic)


def write(
    module: nn.Module,
    named: Mapping[str, torch.Tensor],
    path: Path,
    exporter: Exporter,
    opset: int,
    dynamic: Mapping[str, Mapping[int, str]],
    outputs: Sequence[str] = (),
) -> None:
    """Export a module for the example ``named``, with names for axes of inputs in ``dynamic``."""
    names, inputs = list(named), tuple(named.values())
    options: dict[str, object] = {"input_names": names, "opset_version": opset}
    options["output_names"] = list(outputs) or None
    if exporter is Exporter.TORCHSCRIPT:
        options |= {"dynamo": False, "dynamic_axes": dynamic, "do_constant_folding": True}
    else:
        dims = {
            text: torch.export.Dim.DYNAMIC for axes in dynamic.values() for text in axes.values()
        }
        shapes = tuple(
            {axis: dims[text] for axis, text in dynamic.get(name, {}).items()} for name in names
        )
        options |= {"dynamo": True, "verbose": False, "optimize": True}
        options["dynamic_shapes"] = shapes if dynamic else None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _silence():
        warnings.simplefilter("ignore")
        if exporter is Exporter.TORCHSCRIPT:
            torch.onnx.export(module, inputs, str(path), **options)
        else:
            program = torch.onnx.export(module, inputs, **options)
            program.save(str(path), external_data=False)
    onnx.checker.check_model(str(path), full_check=True)


@contextlib.contextmanager
def _silence():  # type: ignore[no-untyped-def]
    """The exporter's remarks are about torch, not about the graph."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
