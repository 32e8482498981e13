"""How HTTP calls end, and that each end is told apart: real calls to the receiver of `make up`.

All tasks of the table are applied and run at once; each test then waits for its own. Nothing here leaves the
machine: what must not be reached is refused before a connection is begun, which the timings show.
"""

from dataclasses import dataclass, field

import pytest
from live.stories import Body, Stage, secret, status, task

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

CANARY = "c4n4ry-of-the-cluster-suite"
METADATA = "http://169.254.169.254/latest/meta-data/"
UNKNOWABLE = f"http://{'a' * 70}.invalid/"
"""A name that no name server is ever asked for: a label has at most 63 characters (RFC 1035)."""


@dataclass(frozen=True)
class End:
    """One call and what is to become of its execution."""

    name: str
    action: Body
    reason: str = "Completed"
    told: str = ""
    """Words of the execution's message."""
    http_status: int | None = None
    attempts: int = 1
    received: str = ""
    """A path at which the receiver got as many calls as there were attempts."""
    spec: Body = field(default_factory=dict)


def ends(stage: Stage) -> list[End]:
    """The table."""
    call = stage.call
    no_wait = {"retry": {"limit": 3, "backoff": {"initialSeconds": 0}}}
    from_secret = {"secretKeyRef": {"name": "credentials", "key": "broken"}}
    return [
        End("ok", call("/ok"), http_status=200, received="/ok"),
        End("bad-status", call("/status/418"), "BadStatus", "418", 418),
        End("accepted-status", call("/status/418", success={"codes": ["418"]}), http_status=418),
        End("refused", {"url": "http://127.0.0.1:1/"}, "Refused", "127.0.0.1"),
        End("timeout", call("/delay/30"), "Timeout", "1 s", received="/delay/30", spec={"timeoutSeconds": 1}),
        End("slow-first-byte", call("/delay/29", timeouts={"firstByteSeconds": 0.5}), "Timeout", "0.5 s"),
        End("too-large", call("/big/5000", maxResponseBytes=1000), "TooLarge", "1000", 200),
        End("body-mismatch", call("/mismatch", success={"bodyRegex": "^never$"}), "BodyMismatch", "^never$", 200),
        End("costly-pattern", call("/big/60000", success={"bodyRegex": "(x+x+)+y"}), "BodyMismatch", "", 200),
        End("no-tls-there", {"url": stage.receiver.replace("http:", "https:")}, "TlsError"),
        End("unknown-host", {"url": UNKNOWABLE}, "DnsError", ".invalid"),
        End("metadata-service", {"url": METADATA}, "EgressDenied", "metadata service"),
        End("metadata-mapped", {"url": "http://[::ffff:169.254.169.254]/"}, "EgressDenied", "169.254.169.254"),
        End("redirected", call("/redirect?to=/status/201"), "Completed", "1 redirect", 201),
        End("redirect-not-followed", call("/redirect?to=/", followRedirects=False), "BadStatus", "302", 302),
        End("redirect-to-denied", call(f"/redirect?to={METADATA}"), "EgressDenied", "metadata service"),
        End("retried", call("/flaky/$(CRONTASK_EXECUTION)-$(CRONTASK_NAMESPACE)?fail=2"), attempts=3, spec=no_wait),
        End("given-up", call("/status/503"), "BadStatus", "503", 503, 4, "/status/503", no_wait),
        End("no-secret", call("/", auth={"bearer": {"secretName": "nothing"}}), "InvalidSecret", "nothing/token"),
        End("no-key", call("/", auth={"bearer": {"secretName": "credentials"}}), "InvalidSecret", "credentials/token"),
        End(
            "header-injection",
            call("/injected", headers=[{"name": "X-A", "valueFrom": from_secret}]),
            "InvalidSecret",
            "credentials/broken",
        ),
        End("basic", call("/basic", auth={"basic": {"secretName": "credentials"}}), http_status=200),
        End("nul-in-body", call("/nul", method="POST", body="a\x00b"), received="/nul"),
    ]


NAMES = (
    *("ok", "bad-status", "accepted-status", "refused", "timeout", "slow-first-byte", "too-large", "body-mismatch"),
    *("costly-pattern", "no-tls-there", "unknown-host", "metadata-service", "metadata-mapped", "redirected"),
    *("redirect-not-followed", "redirect-to-denied", "retried", "given-up", "no-secret", "no-key", "header-injection"),
    *("basic", "nul-in-body"),
)


@pytest.fixture(scope="module")
def table(stage: Stage) -> dict[str, End]:
    """Every row, with its task applied and one execution of it made."""
    rows = {row.name: row for row in ends(stage)}
    assert tuple(rows) == NAMES
    stage.apply(secret("credentials", username="me", password=CANARY, broken=f"{CANARY}\r\nX-B: c"))
    stage.apply(*(task(row.name, http=row.action, **row.spec) for row in rows.values()))
    stage.run(*rows)
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_end(stage: Stage, table: dict[str, End], name: str) -> None:
    row = table[name]
    found = status(stage.ended(f"{name}-now"))
    attempt = found["attempts"][-1]
    phase = "Succeeded" if row.reason == "Completed" else "Failed"
    assert (found["phase"], found["reason"]) == (phase, row.reason), found
    assert row.told in attempt["message"]
    assert [attempt["number"] for attempt in found["attempts"]] == list(range(1, row.attempts + 1))
    if row.http_status is not None:
        assert attempt["httpStatus"] == row.http_status
    if row.received:
        mine = [
            got for got in stage.received(row.received) if got["headers"]["Idempotency-Key"].endswith(f"/{name}-now")
        ]
        assert len(mine) == row.attempts


def test_every_attempt_has_the_same_key_and_its_own_number(stage: Stage, table: dict[str, End]) -> None:
    stage.ended("retried-now")
    calls = stage.received(f"/flaky/retried-now-{stage.kubectl.namespace}")
    assert [got["headers"]["CronTask-Attempt"] for got in calls] == ["1", "2", "3"]
    assert {got["headers"]["Idempotency-Key"].partition("/")[2] for got in calls} == {"retried-now"}
    assert len({got["headers"]["CronTask-Scheduled-At"] for got in calls}) == 1


@pytest.mark.parametrize("name", ["metadata-service", "metadata-mapped"])
def test_denied_means_that_no_connection_is_begun(stage: Stage, table: dict[str, End], name: str) -> None:
    attempt = status(stage.ended(f"{name}-now"))["attempts"][0]
    assert {"connectMicroseconds", "firstByteMicroseconds"} & set(attempt["timings"]) == set()


def test_the_phases_are_timed(stage: Stage, table: dict[str, End]) -> None:
    timings = status(stage.ended("ok-now"))["attempts"][0]["timings"]
    assert set(timings) == {
        *("lookupMicroseconds", "connectMicroseconds", "readyMicroseconds", "firstByteMicroseconds"),
        "totalMicroseconds",
    }
    parts = timings["lookupMicroseconds"] + timings["connectMicroseconds"] + timings["firstByteMicroseconds"]
    assert 0 < parts <= timings["totalMicroseconds"]
    assert timings["readyMicroseconds"] + timings["firstByteMicroseconds"] <= timings["totalMicroseconds"] + 2


def test_a_nul_arrives_as_it_was_written(stage: Stage, table: dict[str, End]) -> None:
    stage.ended("nul-in-body-now")
    assert stage.received("/nul")[-1]["body"] == "a\x00b"


def test_secrets_show_nowhere(stage: Stage, table: dict[str, End]) -> None:
    for name in NAMES:
        stage.ended(f"{name}-now")
    sent = next(got for got in stage.received("/basic") if got["headers"]["Idempotency-Key"].endswith("/basic-now"))
    pair = sent["headers"]["Authorization"].removeprefix("Basic ")
    assert CANARY not in pair  # it is base64
    kept = stage.kubectl.ok("get", "ct,cte,events,pods", "-o", "yaml").out
    logs = [log.read_text() for log in (stage.state / "logs").glob("crontask-operator-*.log")]
    assert logs
    for text in (kept, *logs):
        assert CANARY not in text
        assert pair not in text
    assert '"Authorization": "Basic ***"' in status(stage.ended("basic-now"))["output"]


def test_a_call_is_dropped_when_its_execution_is_stopped(stage: Stage) -> None:
    stage.apply(task("endless", http=stage.call("/delay/28")))
    stage.run("endless")
    stage.running("endless-now")
    stage.patch("cte", "endless-now", stop=True)
    found = status(stage.ended("endless-now", seconds=10))
    assert (found["phase"], found["reason"]) == ("Cancelled", "Stopped")
    assert found["attempts"][-1]["reason"] == "Stopped"
