"""The gates of groups by themselves: who is let in, who is told to ask again, what is counted after a take-over."""

import asyncio
from datetime import timedelta

import pytest
from fakes.world import START, VirtualClock

from crontask_core.model import Phase, TaskSpec, Trigger
from crontask_core.names import GROUP_KIND, Key
from crontask_core.tally import Tally
from crontask_operator.companions import Companions
from crontask_operator.gates import Gates
from crontask_operator.index import Index, Run, Task

pytestmark = pytest.mark.looptime
GROUP = Key("n", "g")


class Hall:
    """A gate, tasks before it, and a line that asks again whenever it is told of room (but for those in `deaf`)."""

    def __init__(self) -> None:
        self.clock, self.index = VirtualClock(), Index()
        self.companions = Companions("UTC")
        self.companions.complete = True
        self.gates = Gates(self.companions, self.index, self.clock)
        self.gates.on_room = self._told
        self.begun: list[tuple[float, str]] = []
        self.deaf: set[str] = set()
        self._made = 0

    def group(self, **spec: object) -> None:
        self._made += 1
        meta = {"namespace": "n", "name": "g", "uid": "u", "generation": self._made}
        self.companions.seen(GROUP_KIND, {"metadata": meta, "spec": spec})
        self.gates.changed(GROUP)

    def task(self, name: str) -> Task:
        key = Key("n", name)
        if key not in self.index.tasks:
            self.index.tasks[key] = Task(key, "u", START, 1, b"{}", Tally(), START)
            self.companions.follow(key, TaskSpec(schedule="@manual", group="g"))
        return self.index.tasks[key]

    def ask(self, name: str, trigger: Trigger = "Schedule", phase: Phase = "Queued") -> Run:
        """An execution of the task that its first letter names asks for the first time."""
        task = self.task(name[0])
        at = START + timedelta(seconds=len(self.index.runs))
        run = Run(Key("n", name), task.key, "u", b"{}", trigger, at, phase=phase)
        self.index.add_run(run)
        if phase == "Queued":
            self._try(task, run)
        return run

    def _try(self, task: Task, run: Run) -> None:
        if self.gates.admit(task, run):
            run.phase = "Running"
            self.begun.append((self.clock.monotonic(), run.key.name))

    def _told(self, task: Task) -> None:
        for run in sorted(task.runs.values(), key=lambda run: run.scheduled_at):
            if run.phase == "Queued" and run.key.name not in self.deaf:
                self._try(task, run)

    def end(self, name: str) -> None:
        run = self.index.runs[Key("n", name)]
        run.phase = "Succeeded"
        self.index.remove_run(run)
        self.gates.ended(run)

    def names(self) -> list[str]:
        return [name for _, name in self.begun]


def opened(**spec: object) -> Hall:
    """A hall whose group is known and whose gate is open."""
    hall = Hall()
    hall.group(**(spec or {"concurrencyLimit": 2}))
    hall.gates.take_over()
    return hall


async def test_places_are_kept_to_and_given_on() -> None:
    hall = opened()
    for name in ("a1", "a2", "a3", "b1"):
        hall.ask(name)
    assert hall.names() == ["a1", "a2"]
    hall.end("a1")
    await asyncio.sleep(0.1)
    assert hall.names() == ["a1", "a2", "b1"], "b has none that runs, so it is before a"
    hall.end("a2")
    await asyncio.sleep(0.1)
    assert hall.names() == ["a1", "a2", "b1", "a3"]


async def test_who_comes_later_does_not_pass_those_that_wait() -> None:
    hall = opened()
    for name in ("a1", "a2", "b1"):
        hall.ask(name)
    hall.end("a1")
    hall.ask("c1")
    await asyncio.sleep(0.1)
    assert hall.names() == ["a1", "a2", "b1"]


async def test_who_has_a_place_may_ask_again() -> None:
    hall = opened()
    run = hall.ask("a1")
    assert hall.gates.admit(hall.task("a"), run)
    hall.ask("b1")
    hall.ask("c1")
    assert hall.names() == ["a1", "b1"]


async def test_who_does_not_ask_in_its_turn_holds_up_nobody() -> None:
    hall = opened()
    for name in ("a1", "a2", "b1", "c1"):
        hall.ask(name)
    hall.deaf.add("b1")
    hall.end("a1")
    await asyncio.sleep(1)
    assert hall.names() == ["a1", "a2", "c1"]
    hall.deaf.clear()
    hall.end("a2")
    hall._told(hall.task("b"))
    await asyncio.sleep(0.1)
    assert hall.names() == ["a1", "a2", "c1", "b1"]


async def test_a_rate_is_never_exceeded_and_used_up() -> None:
    hall = opened(startsPerSecond=2)
    await asyncio.sleep(1.5)
    for n in range(7):
        hall.ask(f"{'abc'[n % 3]}{n}")
    await asyncio.sleep(10)
    moments = [moment for moment, _ in hall.begun]
    assert len(moments) == 7
    assert all(later - first >= 1 for first, later in zip(moments, moments[2:], strict=False))
    assert moments[-1] - moments[0] < 3.1


async def test_a_suspended_group_lets_in_only_what_somebody_asked_for() -> None:
    hall = opened(suspend=True, concurrencyLimit=1)
    hall.ask("a1")
    hall.ask("b1", "Manual")
    hall.ask("c1", "Backfill")
    assert hall.names() == ["b1"]
    hall.group(concurrencyLimit=3)
    await asyncio.sleep(0.1)
    assert hall.names() == ["b1", "a1", "c1"]


async def test_nothing_is_admitted_before_what_runs_is_counted() -> None:
    hall = opened()
    hall.gates.forget_all()
    hall.ask("a1", phase="Running")
    hall.ask("b1")
    hall.ask("c1")
    await asyncio.sleep(1)
    assert hall.names() == []
    hall.gates.take_over()
    await asyncio.sleep(0.1)
    assert hall.names() == ["b1"]


async def test_starts_of_an_earlier_leader_count_for_the_rate() -> None:
    hall = opened()
    hall.group(startsPerSecond=0.1)
    hall.gates.forget_all()
    run = hall.ask("a1", phase="Running")
    run.started_at = hall.clock.now() - timedelta(seconds=4)
    hall.gates.take_over()
    hall.ask("b1")
    await asyncio.sleep(5.9)
    assert hall.names() == []
    await asyncio.sleep(0.2)
    assert hall.names() == ["b1"]


async def test_right_after_a_take_over_nobody_knows_what_has_just_begun() -> None:
    hall = opened(startsPerSecond=5)
    hall.ask("a1")
    await asyncio.sleep(0.9)
    assert hall.names() == []
    await asyncio.sleep(0.2)
    assert hall.names() == ["a1"]


async def test_what_runs_counts_for_the_group_that_the_task_joins() -> None:
    hall = opened()
    key = Key("n", "z")
    hall.index.tasks[key] = Task(key, "u", START, 1, b"{}", Tally(), START)
    hall.companions.on_moved = hall.gates.moved
    hall.companions.follow(key, TaskSpec(schedule="@manual"))
    hall.ask("z1", phase="Running")
    hall.companions.follow(key, TaskSpec(schedule="@manual", group="g"))
    for name in ("a1", "b1"):
        hall.ask(name)
    assert hall.names() == ["a1"]
    hall.companions.follow(key, TaskSpec(schedule="@manual"))
    await asyncio.sleep(0.1)
    assert hall.names() == ["a1", "b1"]
