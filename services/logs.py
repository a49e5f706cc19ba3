"""Structured logs: one line an act, with the ids of what it touched; for people or for machines."""

import logging
import sys
from pathlib import Path

import structlog

from services.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send structlog's and the libraries' lines through one handler, in the format asked for."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = _handler(settings.log_file)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every look at the schema
    # a traceback at every call of an account that cannot be entered, which our own error says
    logging.getLogger("botocore.credentials").setLevel(logging.ERROR)


def _handler(log_file: str) -> logging.Handler:
    """Standard error, or the file that was asked for (its folder is made)."""
    if not log_file:
        return logging.StreamHandler(sys.stderr)
    Path(log_file).parent.mkdir(parents=True, exist_ok=True)
    return logging.FileHandler(log_file, encoding="utf-8")


def _renderers(log_format: str) -> list[structlog.types.Processor]:
    """The last steps of the chain: JSON with the traceback as text, or coloured for a terminal."""
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # the default shows the local variables of each frame, and with them tokens
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
