"""Which shard, whose shard: properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crontask_core.sharding import MAX_SHARDS, Place, gives, heirs, shard_of, shares

SHARDS = st.integers(1, MAX_SHARDS)
NAMES = [f"replica-{n}" for n in range(8)]


@pytest.mark.parametrize(("namespace", "shards", "expected"), [("x", 1, 0), ("default", 2, 0), ("team-a", 64, 38)])
def test_the_hash_never_changes(namespace: str, shards: int, expected: int) -> None:
    assert shard_of(namespace, shards) == expected


@given(st.text(max_size=63), SHARDS)
def test_each_namespace_is_in_one_shard(namespace: str, shards: int) -> None:
    assert [Place(number, shards).holds(namespace) for number in range(shards)].count(True) == 1


@st.composite
def holdings(draw: st.DrawFn) -> tuple[dict[str, int], list[int], int]:
    """How many shards each of some replicas holds, which ones are free, and how many there are."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    owners = draw(st.lists(st.sampled_from(["", *names]), min_size=1, max_size=MAX_SHARDS))
    held = {name: owners.count(name) for name in names}
    return held, [number for number, owner in enumerate(owners) if not owner], len(owners)


@given(holdings())
def test_shares_are_even_and_add_up(case: tuple[dict[str, int], list[int], int]) -> None:
    held, _, shards = case
    wanted = shares(held, shards)
    assert sum(wanted.values()) == shards
    assert max(wanted.values()) - min(wanted.values()) <= 1


@given(holdings())
def test_what_is_even_already_stays(case: tuple[dict[str, int], list[int], int]) -> None:
    held, free, shards = case
    if not free and max(held.values()) - min(held.values()) <= 1:
        assert not any(gives(name, held, shards) for name in held)


@given(holdings())
def test_free_shards_have_one_heir_each_and_nobody_too_many(case: tuple[dict[str, int], list[int], int]) -> None:
    held, free, shards = case
    found = heirs(held, free, shards)
    assert set(found) == set(free)
    wanted = shares(held, shards)
    for name in held:
        more = list(found.values()).count(name)
        assert more == 0 or held[name] + more <= wanted[name]


@given(holdings(), st.randoms())
def test_all_is_even_after_few_hand_overs(case: tuple[dict[str, int], list[int], int], random: object) -> None:
    """Whoever acts first: free shards go to their heirs, and nobody gives what comes back to him."""
    held, free, shards = case
    hands = 0
    for heir in heirs(held, free, shards).values():
        held[heir] += 1
    while givers := [name for name in held if gives(name, held, shards)]:
        giver = getattr(random, "choice")(givers)  # noqa: B009
        held[giver] -= 1
        (heir,) = heirs(held, [0], shards).values()
        held[heir] += 1
        hands += 1
        assert hands <= shards
    assert max(held.values()) - min(held.values()) <= 1
