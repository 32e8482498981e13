"""What became of a job's calls: executions as history items, reasons as the service's statuses. Pure."""

from datetime import datetime
from hashlib import blake2b
from urllib.parse import urlsplit

from crontask_core.model import Attempt
from crontask_core.model.execution import BY_SCHEDULE, Timings
from crontask_gateway.dialects.cronjob_org.calls import MALFORMED, NO_CONNECT, UNSUPPORTED
from crontask_gateway.dialects.cronjob_org.wire import ExecutionOut, Stats
from crontask_gateway.store import Run

UNKNOWN, OK, DNS, CONNECT, HTTP, TIMEOUT, SIZE, URL, INTERNAL, OTHERS = range(10)
"""The statuses of a job and of a call."""
_BY_REASON = {
    "Completed": OK,
    "DnsError": DNS,
    "Refused": CONNECT,
    "ConnectError": CONNECT,
    "EgressDenied": CONNECT,
    "BadStatus": HTTP,
    "BodyMismatch": HTTP,
    "Timeout": TIMEOUT,
    "TooLarge": SIZE,
    "InvalidUrl": URL,
    "InternalError": INTERNAL,
    "NotSent": INTERNAL,
    "ApiUnavailable": INTERNAL,
    "SecretUnreadable": INTERNAL,
}
_CURL = {"TlsError": 60, "Reset": 56, "ProtocolError": 8, "Cancelled": 42}
"""curl's numbers for some ends that are told with one."""
_TEXTS = {MALFORMED: "Malformed URL", UNSUPPORTED: "Unsupported protocol"}
_SPREAD = 20_000
"""So many calls within one second can be told apart: 86,400 times as many fit 31 bits."""


def status_of(phase: str | None, reason: str | None, url: str | None = None) -> int:
    """The status of an execution that has ended; 0 for one that has not, or where there is none."""
    match phase:
        case "Succeeded":
            return OK
        case "Failed" if url in _TEXTS:
            return URL
        case "Failed" if url == NO_CONNECT:
            return OTHERS
        case "Failed":
            return _BY_REASON.get(reason or "", OTHERS)
        case "Lost":
            return INTERNAL
        case "Cancelled":
            return OTHERS
        case _:
            return UNKNOWN


def from_execution(run: Run, job_id: int) -> ExecutionOut:
    """A history item of an execution that has begun and ended."""
    known, planned = run.known, run.wanted.scheduled_at or run.created
    last = known.attempts[-1] if known.attempts else Attempt(number=1)
    begun = known.started_at or planned
    ended = known.finished_at or begun
    status = status_of(known.phase, known.reason, last.url)
    answered = status in (OK, HTTP)
    log_id = _log_id(run, planned)
    saved = known.response_headers is not None or bool(known.output)
    return ExecutionOut(
        job_log_id=log_id,
        job_id=job_id,
        identifier=f"{job_id}-{planned.day}-{planned.month - 1}-{log_id}",
        date=int(begun.timestamp()),
        date_planned=int(planned.timestamp()),
        jitter=max(0, _milliseconds(planned, begun)),
        url=last.url or "",
        duration=max(0, _milliseconds(begun, ended)),
        status=status,
        status_text=_text(status, last, known.reason or "", known.message or ""),
        http_status=(last.http_status or 0) if answered else 0,
        headers=_lines(known.response_headers),
        body=(known.output or "") if saved and status != SIZE else None,
        stats=_stats(last.timings),
    )


def _log_id(run: Run, planned: datetime) -> int:
    """A number that grows with the time of day, and differs where names do."""
    second = planned.hour * 3600 + planned.minute * 60 + planned.second
    if run.wanted.trigger in BY_SCHEDULE and run.wanted.scheduled_at:  # one for each instant
        return second * _SPREAD + 1
    drawn = int.from_bytes(blake2b(run.key.name.encode(), digest_size=4).digest()) % (_SPREAD - 2)
    return second * _SPREAD + 2 + drawn


def _text(status: int, last: Attempt, reason: str, message: str) -> str:
    said = last.http_status_text or ""
    detail = last.message or message or reason
    match status:
        case 1 | 4 | 5 | 6:
            return said
        case 2:
            return f"Could not resolve host: {_host(last.url) or detail}"
        case 3:
            return f"Could not connect: {detail}"
        case 7:
            return _TEXTS.get(last.url or "", "Malformed URL")
        case 8:
            return f"Internal error: {detail}"
        case _ if last.url == NO_CONNECT:
            return "Other error: the method CONNECT is not supported (1)"
        case _:
            return f"Other error: {detail} ({_CURL.get(reason, 0)})"


def _host(url: str | None) -> str:
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:
        return ""


def _lines(kept: str | None) -> str | None:
    """A block of headers as it was on the wire."""
    if kept is None:
        return None
    return "".join(f"{line}\r\n" for line in kept.splitlines() if line) + "\r\n"


def _stats(timings: Timings | None) -> Stats:
    if timings is None:
        return Stats()
    lookup = timings.lookup_microseconds or 0
    connect = lookup + timings.connect_microseconds if timings.connect_microseconds is not None else 0
    secured = connect + timings.tls_microseconds if timings.tls_microseconds is not None else 0
    ready = timings.ready_microseconds or 0
    first = ready + timings.first_byte_microseconds if timings.first_byte_microseconds is not None else 0
    return Stats(lookup, connect, secured, ready, first, timings.total_microseconds or 0)


def _milliseconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)
