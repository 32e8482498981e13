"""The `crontask_` series. Labels are bounded: kinds, reasons and outcomes, never names of tasks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from crontask_kube.client import Call

LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """All series of one operator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made = self.registry
        self._lateness = Histogram(
            "crontask_start_lateness_seconds",
            "Time from a scheduled instant to the start of its first attempt.",
            ["action"],
            buckets=LATENESS_BUCKETS,
            registry=made,
        )
        self._instants = Counter(
            "crontask_instants", "Scheduled instants by what became of them.", ["outcome"], registry=made
        )
        self._finished = Counter(
            "crontask_executions_finished",
            "Executions that have ended.",
            ["action", "phase", "reason"],
            registry=made,
        )
        self._active = Gauge("crontask_executions_active", "Executions that have not ended.", registry=made)
        self._tasks = Gauge("crontask_tasks", "CronTasks that this replica knows.", registry=made)
        self._leading = Gauge("crontask_leading", "1 while this replica holds a shard.", registry=made)
        self._shards = Gauge("crontask_shards", "Into how many shards all tasks are divided.", registry=made)
        self._held = Gauge("crontask_shards_held", "Shards that this replica holds.", registry=made)
        self._calls = Counter(
            "crontask_api_requests",
            "Requests to the API server.",
            ["verb", "resource", "code"],
            registry=made,
        )
        self._call_seconds = Histogram(
            "crontask_api_request_seconds", "Duration of requests to the API server.", ["verb"], registry=made
        )
        self._of_call: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        """Counter and histogram of each kind of request: looking them up by label costs more than counting."""
        self._notifications = Counter(
            "crontask_notifications", "Tries to deliver a notification by how they went.", ["outcome"], registry=made
        )
        self._ticks = Counter("crontask_ticks", "Claims of due instants, however many each covers.", registry=made)

    def notification(self, outcome: str) -> None:
        """A notification was delivered, failed (and is tried again), or was given up."""
        self._notifications.labels(outcome).inc()

    def lateness(self, action: str, seconds: float) -> None:
        """A scheduled execution has started so late."""
        self._lateness.labels(action).observe(max(0.0, seconds))

    def instants(self, outcome: str, count: int) -> None:
        """So many instants were started, skipped, missed or lost."""
        self._instants.labels(outcome).inc(count)

    def finished(self, action: str, phase: str, reason: str) -> None:
        """An execution has its outcome."""
        self._finished.labels(action, phase, reason).inc()

    def tick(self, tasks: int) -> None:
        """A claim was written for so many tasks."""
        self._ticks.inc()

    def call(self, call: Call) -> None:
        """A request to the API server has been answered, or has failed."""
        code = str(call.status) if call.status is not None else "none"
        resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
        series = (call.verb, resource, code)
        children = self._of_call.get(series)
        if children is None:
            children = self._of_call[series] = (self._calls.labels(*series), self._call_seconds.labels(call.verb))
        children[0].inc()
        children[1].observe(call.seconds)

    def text(self, *, tasks: int, active: int, shards: int, held: int) -> bytes:
        """The exposition format, with the gauges as they stand."""
        self._tasks.set(tasks)
        self._active.set(active)
        self._leading.set(1 if held else 0)
        self._shards.set(shards)
        self._held.set(held)
        return generate_latest(self.registry)
