"""A terminal, and a database of its own for the commands to work on."""

import pytest

from tests.commands.terminal import Terminal


@pytest.fixture
def terminal(tmp_path, monkeypatch, capsys):
    """Commands run here on a new SQLite file; no other setting reaches them."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'cli.db'}")
    monkeypatch.setenv("DATABASE_KIND", "real")
    return Terminal(capsys)
