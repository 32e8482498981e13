"""cron-job.org's API on a real cluster, as its clients see it."""

import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from live.stories import Body

EVERY_MINUTE = {"minutes": [-1], "hours": [-1], "mdays": [-1], "months": [-1], "wdays": [-1]}
SECONDS = 30


@dataclass(frozen=True, slots=True)
class CronJobOrg:
    """One mount and one account. `prefix` begins the titles of a test's jobs."""

    url: str
    key: str
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")

    def ask(self, method: str, path: str, body: Body | None = None) -> tuple[int, Any]:
        """Status and body of the answer, whatever they are; None for an empty body."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read() or None

    def ok(self, method: str, path: str, body: Body | None = None) -> Any:
        """The same, where anything but success fails the test; the reply alone."""
        status, found = self.ask(method, path, body)
        assert status == 200, f"{method} {path}: {status} {found}"
        return found

    def made(self, short: str, url: str, **job: Any) -> int:
        """Makes a job; its number."""
        ident: int = self.ok("PUT", "/jobs", {"job": {"url": url, "title": f"{self.prefix}-{short}"} | job})["jobId"]
        return ident

    def changed(self, ident: int, **job: Any) -> Body:
        """Changes a job; the job afterwards."""
        assert self.ok("PATCH", f"/jobs/{ident}", {"job": job}) == {}
        return self.details(ident)

    def details(self, ident: int) -> Body:
        found: Body = self.ok("GET", f"/jobs/{ident}")["jobDetails"]
        return found

    def history(self, ident: int) -> list[Body]:
        found: list[Body] = self.ok("GET", f"/jobs/{ident}/history")["history"]
        return found

    def item(self, ident: int, identifier: str) -> Body:
        found: Body = self.ok("GET", f"/jobs/{ident}/history/{identifier}")["jobHistoryDetails"]
        return found

    def clear(self) -> None:
        """Deletes the test's jobs."""
        for job in self.ok("GET", "/jobs")["jobs"]:
            if job["title"].startswith(self.prefix):
                self.ask("DELETE", f"/jobs/{job['jobId']}")
