"""Run a model with onnxruntime, as the judge: no optimisation, no surprises."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.errors import GraphfixError
from graphfix.model import for_runtime


class NotRunnable(GraphfixError):
    """Onnxruntime cannot load or run this model; the message says why."""


class Session:
    """A loaded model."""

    def __init__(self, model: ir.Model, *, outputs: Sequence[str] | None = None) -> None:
        import onnxruntime

        runtime = for_runtime(model, outputs=outputs)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_mem_reuse = False
        options.log_severity_level = 4
        options.intra_op_num_threads = 2
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.disable_prepacking", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                runtime.proto, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 onnxruntime's errors share no base class
            raise NotRunnable(str(error)) from error
        self.inputs: tuple[tuple[str, np.dtype[Any] | None, tuple[int | str | None, ...]], ...] = (
            tuple((i.name, _dtype(i.type), tuple(i.shape)) for i in self._session.get_inputs())
        )
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def run(self, feeds: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
        """Return every output by name."""
        try:
            return dict(zip(self.outputs, self._session.run(None, dict(feeds)), strict=True))
        except Exception as error:  # noqa: BLE001 onnxruntime's errors share no base class
            raise NotRunnable(str(error)) from error


def _dtype(text: str) -> np.dtype[Any] | None:
    names = {"float": "float32", "double": "float64", "string": "object"}
    inner = text.removeprefix("tensor(").removesuffix(")")
    try:
        return np.dtype(names.get(inner, inner))
    except TypeError:
        return None
