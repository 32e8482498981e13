"""Tags and their counts (B18), where the configuration gives them a meaning."""

import pytest

from crontask_gateway.dialects.dkron.members import Config
from crontask_gateway.dialects.dkron.tags import NO_NODE, places

NODES = [f"n{n}" for n in range(8)]
TARGETS = {"a=value1": NODES[:4], "b=value2": NODES, "c=here": ["n7"], "d=yes": ["n1", "n1", "n2"]}


@pytest.mark.parametrize(
    ("tags", "count"),
    [
        ({"b": "value2:5"}, 5),
        ({"a": "value1:2", "b": "value2:5"}, 2),
        ({"a": "value1", "b": "value2"}, 4),
        ({"b": "value2:99"}, 8),
        ({"b": "value2:1:2"}, 8),
        ({"d": "yes"}, 2),
        ({"b": "value2", "server": "true:1"}, 1),
    ],
)
def test_b18_so_many_nodes_are_chosen(tags: Config, count: int) -> None:
    found = places("job", tags, TARGETS)
    assert len(set(found)) == len(found) == count
    assert found == sorted(found), "in the order of the configuration"
    assert NO_NODE not in found


@pytest.mark.parametrize("tags", [{"b": "value2:cardinality"}, {"b": "value2:0"}, {"b": "value2:"}, {"b": "value2:-1"}])
def test_b18_a_count_that_is_none_means_no_node(tags: Config) -> None:
    assert places("job", tags, TARGETS) == [NO_NODE]


def test_a_node_has_all_of_the_tags() -> None:
    assert places("job", {"a": "value1", "c": "here"}, TARGETS) == [NO_NODE]
    assert places("job", {"b": "value2", "c": "here"}, TARGETS) == ["n7"]


@pytest.mark.parametrize("tags", [None, {}, {"server": "true:1"}, {"role": "dkron:0"}, {"b": "value3"}, {"b": True}])
def test_tags_without_a_meaning_run_the_job_once(tags: Config | None) -> None:
    assert places("job", tags, TARGETS) == []


def test_jobs_are_spread_and_each_stays_where_it_is() -> None:
    tags: Config = {"b": "value2:1"}
    found = {name: places(name, tags, TARGETS) for name in (f"job{n}" for n in range(100))}
    assert {each for (each,) in found.values()} == set(NODES)
    assert found == {name: places(name, tags, TARGETS) for name in found}
