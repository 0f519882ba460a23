"""Tests that need Paddle, collected only where ``PADDLE_PYTHON`` names an interpreter that has it.

Paddle stays in an environment of its own (``nox -s paddle``), since paddle2onnx refuses the onnx
that graphfix wants. The tests run in the usual one and export as users do: by that interpreter.
"""

import os
from pathlib import Path

import pytest

if "PADDLE_PYTHON" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def paddle_python() -> str:
    return os.environ["PADDLE_PYTHON"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.paddle)
