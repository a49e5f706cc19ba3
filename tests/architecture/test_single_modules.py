"""What the import linter cannot watch: the launcher and the command line are single modules."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "app.py": {"api", "ui", "services"},
    "cli.py": {"commands", "services"},
}
OURS = {
    "api",
    "bench",
    "cli",
    "app",
    "commands",
    "db",
    "engines",
    "pages",
    "sandbox",
    "scheduler",
    "services",
    "tests",
    "ui",
}


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_a_door_imports_only_what_stands_directly_below_it(module):
    imported = imported_packages(ROOT / module)

    assert imported & OURS <= MAY_IMPORT[module]
    assert imported & OURS, "a door that imports nothing of ours leads nowhere"


@pytest.mark.parametrize("package", ["services", "db", "engines", "api", "commands"])
def test_streamlit_is_known_to_the_pages_alone(package):
    modules = list((ROOT / package).rglob("*.py"))

    offenders = [str(path) for path in modules if "streamlit" in imported_packages(path)]

    assert modules
    assert offenders == []


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_each_page_first_asks_for_a_role(path):
    """``require(role)`` is the first statement of a page after its docstring and imports."""
    statements = [
        node
        for node in ast.parse(path.read_text()).body
        if not isinstance(node, ast.Import | ast.ImportFrom)
    ]

    first = statements[1]  # statements[0] is the docstring

    assert isinstance(first, ast.Expr | ast.Assign)
    assert ast.unparse(first).split("(")[0].split("= ")[-1] == "require"


def imported_packages(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names
