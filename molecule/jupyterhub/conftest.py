"""Where this scenario's platform is: nowhere near the defaults."""

import pytest


@pytest.fixture(scope="session")
def root():
    return "/srv/second"


@pytest.fixture(scope="session")
def url():
    return "https://hub.test:8443"
