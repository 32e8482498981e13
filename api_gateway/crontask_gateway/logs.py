"""Structured logs, as the operator's: JSON in a cluster, readable lines in a terminal.

Records of libraries, which log through the standard library, get the same form.
"""

import logging
import sys
from typing import Any

import orjson
import structlog

SHARED: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(form: str, level: str) -> None:
    """Sets up logging for the whole process. `form` is json or console, `level` a standard level's name."""
    last = _last(form)
    structlog.configure(
        processors=[*SHARED, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *SHARED],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn says at INFO and WARNING what we say in better words, or what clients send by mistake.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _last(form: str) -> list[structlog.typing.Processor]:
    """What turns a line's fields into text."""
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    # Richer tracebacks would show local variables, and with them credentials.
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]


def _json(fields: Any, **_: Any) -> str:
    return orjson.dumps(fields, default=str).decode()
