"""A service with clocks that a test sets, and a provider for it."""

import pytest

from tests.auth.service import Clocks, Provider, Service


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def service(clocks: Clocks) -> Service:
    return Service(clocks)


@pytest.fixture
def provider(service: Service) -> Provider:
    return Provider(service, credentials_file="login.json")
