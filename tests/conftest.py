"""What all tests share: the option that writes expectations anew, and hypothesis without chance."""

import sys

import hypothesis
import pytest

hypothesis.settings.register_profile("graphfix", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("graphfix")

if sys.version_info < (3, 11):
    # onnxruntime 1.23 has no DeformConv to compare with, and ends the process on empty batches.
    collect_ignore = ["unit/ops"]

FAILS_ON_PYTHON_3_10 = {
    "test_attention_stays_in_standard_operators": "onnxsim 0.7 fails an assertion of its own",
    "test_two_calls_with_different_attributes_stay_apart": "onnxruntime 1.23 mixes up overloads",
    "test_whatever_is_transformed": "onnxruntime 1.23 leaves short Fourier transforms unwritten",
}
"""Python 3.10 has no newer onnxsim and onnxruntime than these."""

GOLDEN_CASES_THAT_FAIL_ON_PYTHON_3_10 = {
    "deform-conv-": "onnxruntime 1.23 has no DeformConv",
    "dft-Inverses-from-one-side": "onnxruntime 1.23 has no such DFT",
    "dft-One-axis": "onnxruntime 1.23 leaves the result unwritten",
    "dft-One-side-of-complex-frames": "onnxruntime 1.23 leaves some of the result unwritten",
    "einsum-Equations-that-stay": "onnxruntime 1.23 ends the process",
    "einsum-One-operand": "onnxruntime 1.23 cannot run the model",
    "opset-A-reduction-over-no-axis": "onnxruntime 1.23 cannot run the model",
    "resize-matmul-Antialiasing": "onnxruntime 1.23 ends the process",
    "resize-canonical-Symbolic-dims": "onnxruntime 1.23 ends the process",
    "resize-scales-Scales-from-outside-and-constant-ones": "onnxruntime 1.23 ends the process",
    "resize-scales-Some-of-the-axes-opset-18": "onnxruntime 1.23 cannot run the model",
    "sim-Shape-arithmetic-with-a-fixed-batch": "onnxsim 0.7 gives other names",
    "strip-qdq-float16": "onnxruntime 1.23 rounds it otherwise",
    "trilu-By-the-type": "onnxruntime 1.23 has no Trilu of int32",
    "topk-Bytes": "onnxruntime 1.23 has no TopK of bytes",
}
"""By the start of the name that a case has among the parameters of a test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.version_info >= (3, 11):
        return
    for item in items:
        case = item.name.partition("[")[2]
        reasons = [
            why
            for name, why in GOLDEN_CASES_THAT_FAIL_ON_PYTHON_3_10.items()
            if case.startswith(name)
        ]
        for reason in (*reasons, FAILS_ON_PYTHON_3_10.get(item.name)):
            if reason is not None:
                item.add_marker(pytest.mark.xfail(reason=reason, run=False))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write golden files and generated indexes anew; then read the difference",
    )
    parser.addoption(
        "--whole-corpus",
        action="store_true",
        help="run every pass on every model of onnx's corpus, not on a sample",
    )


@pytest.fixture(scope="session")
def whole_corpus(pytestconfig: pytest.Config) -> bool:
    """Whether to leave no model out."""
    return bool(pytestconfig.getoption("--whole-corpus"))


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether to write expectations instead of comparing with them."""
    return bool(pytestconfig.getoption("--update-golden"))
