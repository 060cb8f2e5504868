"""Options of the fault tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-full", action="store_true", help="kill and cancel at every point, in place of a subset"
    )


@pytest.fixture
def fault_full(request: pytest.FixtureRequest) -> bool:
    """Whether every point is tried."""
    return bool(request.config.getoption("--fault-full", default=False))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--fault-full", default=False):
        for item in items:
            item.add_marker(pytest.mark.timeout(3600))
