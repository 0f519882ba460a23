"""What all tests share: the option that writes expectations anew, and hypothesis without chance."""

import hypothesis
import pytest

hypothesis.settings.register_profile("graphfix", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("graphfix")


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
