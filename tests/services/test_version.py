"""The version is told once in the code, and the same elsewhere."""

import tomllib

from services.version import VERSION
from tests.conftest import ROOT


def test_the_project_and_the_changelog_say_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text().splitlines()
    newest = next(line for line in changelog if line.startswith("## "))

    assert project["version"] == VERSION
    assert newest.split()[1] == VERSION
