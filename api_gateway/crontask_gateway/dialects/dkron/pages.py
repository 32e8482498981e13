"""What is no JSON: the counters for Prometheus, and the page that says where the web UI is. Pure."""

from collections.abc import Iterable
from html import escape

from pydantic import HttpUrl

from crontask_gateway.store import Job

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS = (
    ("dkron_job_executions_succeeded_total", "Executions of the job that succeeded.", ("succeeded",)),
    (
        "dkron_job_executions_failed_total",
        "Executions of the job that failed, attempts included.",
        ("failed", "lost", "retried"),
    ),
)
_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Dkron's API on CronTask</title></head>
<body><h1>Dkron's API on CronTask</h1><p>{ui}</p>
<p>The API is below <a href="{prefix}/v1/">{prefix}/v1</a>; <a href="{prefix}/docs">its endpoints</a>.</p></body></html>
"""
_NO_UI = "No web UI is configured here; kubectl and the API show the jobs."


def exposition(jobs: Iterable[Job]) -> bytes:
    """How many executions of each job succeeded and failed since it was created, under upstream's names."""
    found, lines = list(jobs), list[str]()
    for name, told, counts in _COUNTERS:
        lines += [f"# HELP {name} {told}", f"# TYPE {name} counter"]
        lines += [f'{name}{{job_name="{_label(job.id)}"}} {_sum(job, counts)}' for job in found]
    return "".join(f"{line}\n" for line in lines).encode()


def takes_html(accept: str) -> bool:
    """Whether a client's Accept header allows HTML; an absent one allows everything."""
    ranges = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    return not accept or not {"text/html", "text/*", "*/*"}.isdisjoint(ranges)


def ui(url: HttpUrl | None, prefix: str) -> bytes:
    """The page; `url` is where the web UI is, `prefix` where the API is mounted."""
    link = escape(str(url or ""))
    told = f'The web UI is at <a href="{link}">{link}</a>.' if url else _NO_UI
    return _PAGE.format(ui=told, prefix=escape(prefix)).encode()


def _sum(job: Job, names: Iterable[str]) -> int:
    counts = job.status.get("counts") or {}
    return sum(counts.get(name, 0) for name in names)


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
