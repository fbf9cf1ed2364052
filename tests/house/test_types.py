"""Types: mypy finds nothing in the rooms that pyproject.toml names."""

from mypy import api
from support import ROOT


def test_mypy_finds_nothing(monkeypatch):
    monkeypatch.chdir(ROOT)
    report, problems, status = api.run([])
    assert status == 0, report + problems
