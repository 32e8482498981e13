"""The gateway's `crontask_gateway_` series, and its requests to the API server as the operator counts them.

Labels are bounded: dialects, routes as they are declared, codes; never names of jobs or paths as clients write them.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from crontask_kube.client import Call

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All series of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        made = self.registry = CollectorRegistry()
        self._requests = Counter(
            "crontask_gateway_requests",
            "Requests by what they were answered.",
            ["dialect", "method", "route", "code"],
            registry=made,
        )
        self._seconds = Histogram(
            "crontask_gateway_request_seconds",
            "Duration of requests, from their headers to the end of the reply.",
            ["dialect", "method", "route"],
            buckets=BUCKETS,
            registry=made,
        )
        self._open = Gauge("crontask_gateway_requests_open", "Requests that are being answered.", registry=made)
        self._connections = Gauge("crontask_gateway_connections", "Connections of clients.", registry=made)
        self._refused = Counter(
            "crontask_gateway_connections_refused", "Connections beyond a listener's limit.", registry=made
        )
        self._jobs = Gauge("crontask_gateway_jobs", "Jobs that this replica knows.", registry=made)
        self._runs = Gauge("crontask_gateway_runs", "Runs that this replica knows.", registry=made)
        self._calls = Counter(
            "crontask_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=made
        )
        self._call_seconds = Histogram(
            "crontask_api_request_seconds", "Duration of requests to the API server.", ["verb"], registry=made
        )

    def began(self) -> None:
        """A request has come in."""
        self._open.inc()

    def answered(self, dialect: str, method: str, route: str, status: int, seconds: float) -> None:
        """A request has been answered; 0 for one whose client has gone."""
        self._open.dec()
        self._requests.labels(dialect, method, route, str(status or "none")).inc()
        self._seconds.labels(dialect, method, route).observe(seconds)

    def connected(self) -> None:
        """A client has connected."""
        self._connections.inc()

    def disconnected(self) -> None:
        """A client's connection has ended."""
        self._connections.dec()

    def refused(self) -> None:
        """A connection was closed because there were too many."""
        self._refused.inc()

    def call(self, call: Call) -> None:
        """A request to the API server has been answered, or has failed."""
        code = str(call.status) if call.status is not None else "none"
        resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
        self._calls.labels(call.verb, resource, code).inc()
        self._call_seconds.labels(call.verb).observe(call.seconds)

    def text(self, *, jobs: int, runs: int) -> bytes:
        """The exposition format, with the gauges as they stand."""
        self._jobs.set(jobs)
        self._runs.set(runs)
        return generate_latest(self.registry)
