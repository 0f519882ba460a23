"""Shapes for passes that read them."""

from collections.abc import Callable

import onnx_ir as ir

from graphfix.model import infer_shapes
from graphfix.rewrite.records import PassResult
from graphfix.rewrite.rewrite_pass import scopes


def run_with_shapes(model: ir.Model, run: Callable[[], PassResult]) -> PassResult:
    """Run a pass with all shapes inferred; when it rewrites nothing, they are forgotten again.

    Raises:
        ModelError: the shapes of the model contradict each other.
        PassError: what ``run`` raises.
    """
    before = [
        (v, v.type, v.shape) for scope in scopes(model) for node in scope for v in node.outputs
    ]
    infer_shapes(model)
    result = run()
    if not result.rewrites:
        for value, type_, shape in before:
            value.type, value.shape = type_, shape
    return result
