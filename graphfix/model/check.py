"""Is a model valid ONNX?"""

import onnx
import onnx_ir as ir

from graphfix.errors import ModelError
from graphfix.model.io import to_proto


def check(model: ir.Model) -> None:
    """Raise ``ModelError`` when ``model`` is not valid ONNX."""
    try:
        onnx.checker.check_model(to_proto(model, weights=False))
    except onnx.checker.ValidationError as error:
        raise ModelError(str(error)) from error
