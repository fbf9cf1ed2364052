"""What runs by itself on GitHub is written as GitHub reads it."""

import re

import pytest
import yaml
from check_jsonschema import main as check
from repository import files, read
from support import ROOT

SCHEMAS = {
    "vendor.github-workflows": r"\.github/workflows/.*\.yml",
    "custom.github-workflows-require-timeout": r"\.github/workflows/.*\.yml",
    "vendor.github-issue-forms": r"\.github/ISSUE_TEMPLATE/(?!config).*\.yml",
    "vendor.github-issue-config": r"\.github/ISSUE_TEMPLATE/config\.yml",
    "vendor.dependabot": r"\.github/dependabot\.yml",
    "vendor.citation-file-format": r"CITATION\.cff",
}
WORKFLOWS = [name for name in files() if name.startswith(".github/workflows/")]


def test_github_can_read_what_is_written_for_it(capsys):
    for schema, pattern in SCHEMAS.items():
        found = [str(ROOT / name) for name in files() if re.fullmatch(pattern, name)]
        assert found, pattern
        with pytest.raises(SystemExit) as stopped:
            check(["--builtin-schema", schema, *found])
        assert stopped.value.code == 0, capsys.readouterr().out


def test_workflows_may_do_little_and_use_what_is_there():
    for name in WORKFLOWS:
        workflow = yaml.safe_load(read(name))
        assert workflow["permissions"] == {"contents": "read"}, f"{name}: a job may ask for more"
        for job in workflow["jobs"].values():
            needs = job.get("needs", [])
            needs = [needs] if isinstance(needs, str) else needs
            assert {*needs} <= workflow["jobs"].keys(), name
            matrix = job.get("strategy", {}).get("matrix", {})
            assert {*re.findall(r"\bmatrix\.(\w+)", yaml.safe_dump(job))} <= matrix.keys(), name
        for action in re.findall(r"uses: (\S+)", read(name)):
            ours = action.startswith("./") and action.removeprefix("./") in files()
            assert ours or re.search(r"@(sha256:)?[0-9a-f]{40,64}$", action), f"{name}: {action}"
