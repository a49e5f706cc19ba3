"""The README says what is true of the program."""

import re
from pathlib import Path

import pytest

from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_table_of_settings_lists_each_setting_with_its_default_and_meaning():
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", README, re.MULTILINE)

    assert rows == [
        (name.upper(), _as_written(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def _as_written(default):
    """As the variable would be set: booleans in lower case."""
    return str(default).lower() if isinstance(default, bool) else str(default)


@pytest.mark.parametrize(
    "document", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_between_documents_lead_somewhere(document):
    path = ROOT / document

    targets = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text())

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_make_commands_that_the_readme_names_exist():
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))

    assert named
    assert named <= rules
