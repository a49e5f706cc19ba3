"""The version of this program; pyproject.toml and the changelog say the same."""

VERSION = "0.1.0"
