"""Which tasks run after which: who follows which end, and circles with their way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.model import FINAL_PHASES, After, Phase
from crontask_core.names import Key
from crontask_core.planning.dependencies import Dependencies, circle_error, waiting_for

Graph = dict[str, list[str]]
"""Each task with those that it runs after."""


def made(graph: Graph) -> Dependencies:
    dependencies = Dependencies()
    for child, parents in graph.items():
        dependencies.put(Key("ns", child), [After(task=parent) for parent in parents])
    return dependencies


def names(keys: object) -> list[str]:
    return [key.name for key in keys]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("phase", "followers"),
    [
        ("Succeeded", ["any", "good"]),
        ("Failed", ["any", "bad"]),
        ("Lost", ["any", "bad"]),
        ("Cancelled", []),
        ("Running", []),
    ],
)
def test_who_follows_which_end(phase: Phase, followers: list[str]) -> None:
    dependencies = Dependencies()
    for name, end in (("good", None), ("bad", "Failure"), ("any", "Completion")):
        dependencies.put(Key("ns", name), [After(task="t", when=end), After(task="other")])
    assert names(dependencies.followers(Key("ns", "t"), phase)) == followers
    assert dependencies.followers(Key("elsewhere", "t"), phase) == []


def test_what_is_not_named_any_more_is_not_followed() -> None:
    dependencies = made({"b": ["t", "u"]})
    dependencies.put(Key("ns", "b"), [After(task="u")])
    assert dependencies.children(Key("ns", "t")) == ()
    assert names(dependencies.parents(Key("ns", "b"))) == ["u"]
    dependencies.put(Key("ns", "b"), ())
    assert dependencies._parents == dependencies._children == {}


CIRCLES: list[tuple[str, Graph, str, str]] = [
    ("none", {"b": ["a"], "c": ["b", "a"]}, "b", ""),
    ("itself", {"a": ["a"]}, "a", "a a"),
    ("two", {"a": ["b"], "b": ["a"]}, "a", "a b a"),
    ("three", {"b": ["a"], "c": ["b"], "a": ["c"]}, "b", "b c a b"),
    ("the shorter of two", {"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["a"]}, "a", "a b a"),
    ("beside one", {"a": ["b"], "b": ["a"], "c": ["a"]}, "c", ""),
    ("before one", {"a": ["b", "c"], "b": ["a"], "c": ["d"]}, "c", ""),
]


@pytest.mark.parametrize(("graph", "task", "way"), [row[1:] for row in CIRCLES], ids=[row[0] for row in CIRCLES])
def test_a_circle_is_told_with_its_way(graph: Graph, task: str, way: str) -> None:
    assert " ".join(names(made(graph).circle(Key("ns", task)))) == way


def test_who_is_entangled() -> None:
    dependencies = made({"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["a"], "e": ["a"], "b2": ["b"]})
    assert set(names(dependencies.entangled(Key("ns", "a")))) == {"a", "b", "c", "d"}
    assert dependencies.entangled(Key("ns", "e")) == set()


tasks = st.sampled_from("abcdef")


@given(st.lists(st.tuples(tasks, st.lists(tasks, unique=True, max_size=3)), max_size=12))
def test_a_circle_is_found_exactly_where_there_is_one(edits: list[tuple[str, list[str]]]) -> None:
    graph: Graph = {}
    dependencies = Dependencies()
    for child, parents in edits:
        graph[child] = parents
        dependencies.put(Key("ns", child), [After(task=parent) for parent in parents])
    for task in "abcdef":
        above = set(graph.get(task, ()))
        for _ in graph:
            above |= {parent for name in above for parent in graph.get(name, ())}
        circle = names(dependencies.circle(Key("ns", task)))
        own = [After(task=parent) for parent in graph.get(task, ())]
        assert names(dependencies.circle_with(Key("ns", task), own)) == circle
        assert bool(circle) is (task in above)
        assert all(parent in graph[child] for parent, child in pairwise(circle))
        assert circle == [] or circle[0] == circle[-1] == task


def test_a_circle_that_there_would_be_is_found_and_nothing_is_changed() -> None:
    dependencies = made({"b": ["a"], "c": ["b"]})
    a = Key("ns", "a")
    assert names(dependencies.circle_with(a, [After(task="x"), After(task="c")])) == ["a", "b", "c", "a"]
    assert names(dependencies.circle_with(a, [After(task="a")])) == ["a", "a"]
    assert dependencies.circle_with(Key("ns", "b"), [After(task="x")]) == ()
    assert (dependencies.parents(a), dependencies.circle(a)) == ((), ())
    assert made({"a": ["b"], "b": ["a"]}).circle_with(a, ()) == ()


def test_a_circle_is_an_error_with_field_way_and_remedy() -> None:
    error = circle_error([Key("ns", name) for name in ("b", "c", "a", "b")])
    assert str(error) == (
        'spec.after: "a" makes the task run after itself (b -> c -> a -> b, each runs when the one before it has'
        " ended); take one of these out of the other's spec.after"
    )


@pytest.mark.parametrize(
    ("missing", "status", "reason", "words"),
    [
        ([], "True", "After", "Runs when an execution of a, b has ended."),
        (["b"], "True", "After", "Runs when an execution of a has ended. spec.after: there is no CronTask b"),
        (["a", "b"], "False", "ParentNotFound", "spec.after: there is no CronTask a, b in this namespace; create"),
    ],
)
def test_what_a_task_waits_for_is_told(missing: list[str], status: str, reason: str, words: str) -> None:
    found = waiting_for(["a", "b"], missing)
    assert found[:2] == (status, reason)
    assert found[2].startswith(words)


def test_every_end_is_somebody_s() -> None:
    dependencies = Dependencies()
    dependencies.put(Key("ns", "any"), [After(task="t", when="Completion")])
    assert {phase for phase in FINAL_PHASES if dependencies.followers(Key("ns", "t"), phase)} == (
        FINAL_PHASES - {"Cancelled"}
    )
