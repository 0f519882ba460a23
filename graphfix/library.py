"""The libraries of the extras, which not everybody has installed."""

import importlib
from typing import Any

from graphfix.errors import UsageError


def library(name: str, extra: str = "metrics") -> Any:
    """The module ``name``, of a library that ``extra`` installs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise UsageError(
            f"this needs {error.name}, which is not installed; run pip install 'graphfix[{extra}]'"
        ) from error
