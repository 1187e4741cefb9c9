"""One gateway and one fake provider for all checks; a project per policy."""

import os
from pathlib import Path

import pytest

from alarm import INJECTION, PERSONAL, Alarm  # noqa: F401: the checks take the texts from here
from fake_provider import FakeProvider
from gateway import Gateway
from receiver import Receiver, Running

# A clean question.
CLEAN = "What is the weather like in the valley today?"


class Site:
    """What a check talks to."""

    def __init__(self, gateway, provider):
        self.gateway = gateway
        self.provider = provider
        self.base_url = f"{gateway.url}/v1"
        self.redact_project, self.redact_key = gateway.project("redacts", {"dlp": {"action": "redact"}}, provider.url)
        self.block_project, self.block_key = gateway.project("blocks", {"dlp": {"action": "block"}}, provider.url)


@pytest.fixture(scope="session")
def binary():
    path = os.environ.get("WARDBELL_BIN") or str(Path(__file__).parent.parent / "target/debug/wardbell")
    path = os.path.abspath(path)
    if not Path(path).exists():
        pytest.fail(f"{path} is not there: build it with `cargo build`, or name it in WARDBELL_BIN")
    return path


@pytest.fixture(scope="session")
def whole_site(binary, tmp_path_factory):
    provider = FakeProvider()
    gateway = Gateway(binary, tmp_path_factory.mktemp("gateway"))
    try:
        yield Site(gateway, provider)
    finally:
        gateway.stop()
        provider.stop()


@pytest.fixture
def site(whole_site):
    whole_site.provider.reset()
    return whole_site


@pytest.fixture
def alarm(request, site):
    """A project of this check's own."""
    return Alarm(site.gateway, request.node.name[:60], site.provider.url)


@pytest.fixture
def stops():
    """What is to be stopped after the check, last first."""
    things = []
    yield things
    for thing in reversed(things):
        thing.stop()


@pytest.fixture
def receive(stops):
    """Starts a `Receiver`."""
    def start(**how):
        stops.append(Receiver(**how))
        return stops[-1]

    return start


@pytest.fixture
def run(stops):
    """Starts a receiver in a process of its own."""
    def start(command, secret):
        stops.append(Running(command, secret))
        return stops[-1]

    return start


def says(text):
    """The messages of a chat with one user message."""
    return [{"role": "user", "content": text}]
