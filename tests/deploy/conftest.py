"""A hub that several tests share, with two learners whose servers run, and its configuration."""

import os

import pytest

from tools import hub as hubs

GIVEN = {"PASS_PHRASE": "kqfm-tzna-pruw", "INSTRUCTOR_PASS_PHRASE": "vhdb-xkse-qzyt"}


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


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Return a function that reads the configuration as the hub does."""
    from traitlets.config.loader import PyFileConfigLoader

    umask = os.umask(0o022)

    def configure(**settings):
        for name in [name for name in os.environ if name.startswith("CLASS_")]:
            monkeypatch.delenv(name)
        for name, text in {**GIVEN, "STATE": str(tmp_path / "state"), **settings}.items():
            monkeypatch.setenv(f"CLASS_{name}", text)
        return PyFileConfigLoader(str(hubs.CONFIG)).load_config()

    yield configure
    os.umask(umask)
