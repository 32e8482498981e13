"""The requests that the row `gateway` measures: what each kind asks for, and what its answer must be. Pure."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.jobs import job

TEAMS = 50
PAGE = 25


@dataclass(frozen=True)
class Request:
    """One request, with the status of its answer and the number of all jobs that fit, where that is told."""

    method: str
    path: str
    status: int
    body: dict[str, Any] | None = None
    total: str = ""

    def fits(self, status: int, total: str) -> bool:
        """Whether the answer is the one that it should be."""
        return (status, total) == (self.status, self.total)


@dataclass(frozen=True)
class Stock:
    """The jobs that there are: so many, the first of which are due all the time, and the URLs that they call."""

    jobs: int
    busy: int
    schedule: str
    """Of those that are not."""
    url: str
    """Of those that are not, for when they are run by hand."""

    def name(self, number: int) -> str:
        """What a job is called."""
        return f"job-{number:05}"

    def idle(self, number: int, *, owner: str = "bench", retries: int = 0) -> dict[str, Any]:
        """A job that waits, as it is sent."""
        told = {"displayname": f"Report {number}", "metadata": {"team": f"t{number % TEAMS}"}}
        return job(self.name(number), self.schedule, self.url, owner=owner, retries=retries, **told)

    def waiting(self, chance: random.Random) -> int:
        """The number of one that waits."""
        return chance.randrange(self.busy, self.jobs)


def _slice(stock: Stock, chance: random.Random) -> str:
    start = PAGE * chance.randrange(stock.jobs // PAGE)
    return f"_start={start}&_end={start + PAGE}"


def _page(stock: Stock, chance: random.Random) -> Request:
    return Request("GET", f"/v1/jobs?_sort=id&_order=ASC&{_slice(stock, chance)}", 200, total=str(stock.jobs))


def _sorted(stock: Stock, chance: random.Random) -> Request:
    return Request("GET", f"/v1/jobs?_sort=next&_order=DESC&{_slice(stock, chance)}", 200, total=str(stock.jobs))


def _filtered(stock: Stock, chance: random.Random) -> Request:
    team = chance.randrange(TEAMS)
    query = f"q=Report&metadata%5Bteam%5D=t{team}&_sort=last_success&_order=DESC&_start=0&_end={PAGE}"
    fitting = [n for n in range(team, stock.jobs, TEAMS) if n >= stock.busy]
    return Request("GET", f"/v1/jobs?{query}", 200, total=str(len(fitting)))


def _whole(stock: Stock, chance: random.Random) -> Request:
    return Request("GET", "/v1/jobs", 200, total=str(stock.jobs))


def _get(stock: Stock, chance: random.Random) -> Request:
    return Request("GET", f"/v1/jobs/{stock.name(chance.randrange(stock.jobs))}", 200)


def _upsert(stock: Stock, chance: random.Random) -> Request:
    owner, retries = f"team-{chance.randrange(1000)}", chance.randrange(4)
    return Request("POST", "/v1/jobs", 201, stock.idle(stock.waiting(chance), owner=owner, retries=retries))


def _run(stock: Stock, chance: random.Random) -> Request:
    return Request("POST", f"/v1/jobs/{stock.name(stock.waiting(chance))}", 202)


KINDS: dict[str, Callable[[Stock, random.Random], Request]] = {
    f"list, a page of {PAGE}": _page,
    f"list, sorted by the next instant, a page of {PAGE}": _sorted,
    f"list, filtered and sorted, a page of {PAGE}": _filtered,
    "list, whole": _whole,
    "get": _get,
    "upsert": _upsert,
    "run": _run,
}
PROMPT = frozenset(kind for kind in KINDS if f"page of {PAGE}" in kind) | {"upsert"}
"""The kinds that have a limit of 100 ms."""
