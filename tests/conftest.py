"""What all tests share: the option that writes expectations anew, and hypothesis without chance."""

import sys

import hypothesis
import pytest

hypothesis.settings.register_profile("graphfix", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("graphfix")


BEYOND_ONNXSIM_0_7 = {
    "test_attention_stays_in_standard_operators",
    "test_case[sim-Shape-arithmetic-with-a-fixed-batch]",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Python 3.10 has no onnxsim newer than 0.7.

    It fails an assertion of its own on some models, upon which the pass fails and says so, and it
    leaves other names on others.
    """
    if sys.version_info >= (3, 11):
        return
    for item in items:
        if item.name in BEYOND_ONNXSIM_0_7:
            item.add_marker(pytest.mark.xfail(reason="onnxsim 0.7", strict=True))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write golden files and generated indexes anew; then read the difference",
    )


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether to write expectations instead of comparing with them."""
    return bool(pytestconfig.getoption("--update-golden"))
