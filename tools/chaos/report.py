"""How a run is told: a JSON document for bench/results, and a few lines for people."""

from collections.abc import Iterator
from typing import Any

from chaos.judge import SHOWN, Verdict
from chaos.run import Done, Seen


def document(verdict: Verdict, seen: Seen, facts: dict[str, Any]) -> dict[str, Any]:
    """`facts` are seed, commit, minutes and the machine."""
    return {
        **facts,
        "clean": verdict.clean,
        "violations": {name: {"count": len(told), "first": told[:SHOWN]} for name, told in verdict.violations.items()},
        **verdict.figures,
        "exits": [{"at": round(at), "who": who, "code": code} for at, who, code in seen.exits],
        "faults": [_fault(done, seen) for done in seen.faults],
    }


def lines(verdict: Verdict) -> Iterator[str]:
    """The short table."""
    told = verdict.figures
    rows = {
        "instants": told["instants"],
        **{f"  {name}": count for name, count in told["outcomes"].items()},
        "calls received": told["calls"],
        "pods made": told["pods"],
        "started twice": told["duplicates"],
        "without outcome": told["unaccounted"],
        "kills of the leader, alone": len(told["gaps"]["each"]),
        "longest gap after one": told["gaps"]["longest"],
        "longest recovery": max((each["seconds"] for each in told["recovery_s"]), default=None),
    }
    yield from (f"{name:<28}{value}" for name, value in rows.items())
    for name, values in told["lateness_ms"].items():
        yield f"lateness {name}: " + ", ".join(f"{key} {value}" for key, value in values.items()) + " (ms)"
    yield from told["used"]
    for name, found in verdict.violations.items():
        yield f"VIOLATION {name}: {len(found)}"
        yield from (f"  {each}" for each in found[:SHOWN])
    yield "nothing was started twice, every instant has its outcome" if verdict.clean else "not clean"


def _fault(done: Done, seen: Seen) -> dict[str, Any]:
    begin = min(each.began - each.fault.at for each in seen.faults)
    took = {"began": round(done.began - begin, 2), "ended": round(done.ended - begin, 2), "hit": list(done.hit)}
    return done.fault.to_body() | took
