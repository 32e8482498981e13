"""Faults carried out: what begins each kind and what ends it."""

from collections.abc import Callable
from dataclasses import dataclass

from chaos.plan import Fault
from chaos.site import Member, Site

Act = Callable[[Site, Member, Fault], None]


@dataclass(frozen=True)
class Kind:
    """How one kind of fault is done to a member."""

    sort: str
    """Two faults of one sort are never done to one member at the same time."""
    begin: Act
    end: Act


def begin(site: Site, fault: Fault) -> list[Member]:
    """Begins a fault; whom it hits, which may be nobody."""
    kind = KINDS[fault.kind]
    hit = site.chosen(fault.who, kind.sort)
    for member in hit:
        member.busy.add(kind.sort)
    for member in hit[:1] if kind.sort == "api" else hit:
        kind.begin(site, member, fault)
    return hit


def may_end(fault: Fault, hit: list[Member]) -> bool:
    """Whether it can be ended yet: who stops in an orderly way is not started before that is done."""
    return fault.kind != "restart" or not any(member.replica.runs for member in hit)


def end(site: Site, fault: Fault, hit: list[Member]) -> None:
    """Ends it."""
    kind = KINDS[fault.kind]
    for member in hit[:1] if kind.sort == "api" else hit:
        kind.end(site, member, fault)
    for member in hit:
        member.busy.discard(kind.sort)


def _kill(_site: Site, member: Member, _fault: Fault) -> None:
    if member.replica.runs:
        member.replica.kill()


def _start(_site: Site, member: Member, _fault: Fault) -> None:
    member.replica.close()
    member.replica.start()


def _ask_to_end(_site: Site, member: Member, _fault: Fault) -> None:
    if member.replica.runs:
        member.replica.ask_to_end()


def _pause(_site: Site, member: Member, _fault: Fault) -> None:
    if member.replica.runs:
        member.replica.pause()


def _wake(_site: Site, member: Member, _fault: Fault) -> None:
    if member.replica.runs:
        member.replica.wake()


def _stop_server(site: Site, _member: Member, fault: Fault) -> None:
    site.server.stop(politely=fault.kind == "api-term")


def _start_server(site: Site, _member: Member, _fault: Fault) -> None:
    site.server.start()


def _cut(_site: Site, member: Member, _fault: Fault) -> None:
    member.proxy.cut()


def _refuse(_site: Site, member: Member, fault: Fault) -> None:
    member.proxy.refuse(int(fault.value))


def _accept(_site: Site, member: Member, _fault: Fault) -> None:
    member.proxy.refuse(0)


def _slow(_site: Site, member: Member, fault: Fault) -> None:
    member.proxy.delay(fault.value)


def _fast(_site: Site, member: Member, _fault: Fault) -> None:
    member.proxy.delay(0)


def _hole(_site: Site, member: Member, _fault: Fault) -> None:
    member.proxy.hole(there=True)


def _no_hole(_site: Site, member: Member, _fault: Fault) -> None:
    member.proxy.hole(there=False)


def _shift(_site: Site, member: Member, fault: Fault) -> None:
    member.clock.write_text(str(fault.value))


def _unshift(_site: Site, member: Member, _fault: Fault) -> None:
    member.clock.write_text("0")


def _nothing(_site: Site, _member: Member, _fault: Fault) -> None:
    """What ends by itself."""


KINDS = {
    "kill": Kind("process", _kill, _start),
    "restart": Kind("process", _ask_to_end, _start),
    "pause": Kind("process", _pause, _wake),
    "api-term": Kind("api", _stop_server, _start_server),
    "api-kill": Kind("api", _stop_server, _start_server),
    "cut": Kind("cut", _cut, _nothing),
    "refuse": Kind("refuse", _refuse, _accept),
    "slow": Kind("slow", _slow, _fast),
    "hole": Kind("hole", _hole, _no_hole),
    "clock": Kind("clock", _shift, _unshift),
}
