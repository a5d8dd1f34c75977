"""Logs and metrics, the same in every process. Secrets and token uids never get here."""

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(process: str, *, form: str, level: str) -> None:
    """Lines on standard error, each with its process. `form` is json or plain."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    least = LEVELS[level]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(
        stream=sys.stderr,
        level=max(least, logging.WARNING),
        format=f"%(asctime)s %(levelname)s {process} %(name)s %(message)s",
    )


def new_registry() -> CollectorRegistry:
    """A registry of this process's own: tests run many in one interpreter."""
    return CollectorRegistry()
