"""A hub that several tests share, with two learners whose servers run."""

import pytest

from tools import hub as hubs


@pytest.fixture(scope="session")
def hub():
    with hubs.running() as started:
        yield started


@pytest.fixture(scope="session")
def learners(hub):
    """Return the sessions of ana and ben, whose servers run."""
    sessions = {}
    for name in ("ana", "ben"):
        sessions[name] = hubs.log_in(hub, name, f"password of {name}", hub.pass_phrase)
        hubs.open_server(hub, sessions[name], name)
    return sessions


@pytest.fixture(scope="session")
def instructor(hub):
    return hubs.log_in(hub, "instructor", "password of ina", hub.instructor_pass_phrase)
