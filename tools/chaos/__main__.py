"""`make chaos CHAOS="--minutes 30 --seed 7"`: the long form, on a cluster of its own unless STATE names one that runs.

Exit code 0: clean; 1: a violation; 2: wrong arguments. The report goes to bench/results/DATE-chaos.json.
"""

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType

from bench import results
from live.kubectl import Kubectl
from live.operators import ROOT, make, no_others, running_operators
from live.stories import Stage

from chaos import plan
from chaos.judge import GAP_SECONDS, judge
from chaos.report import document, lines
from chaos.run import receiver_size, run, today
from chaos.server import Server
from chaos.site import site
from chaos.work import jobs

OWN = ".cluster-chaos"


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long faults come")
    parser.add_argument("--rate", type=int, default=44, help="plain calls a second; the other tasks make six more")
    parser.add_argument("--only", choices=sorted({kind.name for kind in plan.KINDS}), help="only this kind of fault")
    parser.add_argument("--every", type=float, help="with --only kill: the leader is killed each so many seconds")
    parser.add_argument("--lease", type=float, help="CRONTASK_LEASE_SECONDS, where it is not to be the default")
    parser.add_argument("--no-poison", action="store_true", help="without the poison objects")
    parser.add_argument("--report", type=Path, help="where the report goes")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)  # so that the cluster goes then too
    with _cluster() as state:
        return _measured(arguments, state, Path(tempfile.mkdtemp(prefix="crontask-chaos-")))


def _measured(arguments: argparse.Namespace, state: Path, folder: Path) -> int:
    told = {line.partition("=")[0]: line.partition("=")[2] for line in (state / "env").read_text().splitlines()}
    _say(f"the operators' logs are in {folder}")
    namespace = f"chaos-{secrets.token_hex(3)}"
    kubectl = Kubectl(str(state / "kubeconfig"), str(folder / "kubectl"), namespace)
    kubectl.ok("create", "namespace", namespace)
    kubectl.ok("label", "namespace", namespace, "crontask.dev/webhook=off")
    stage = Stage(kubectl, state, told["RECEIVER_URL"], told["DEMO_IMAGE"], receiver_size(state))
    seconds, quiet = arguments.minutes * 60, max(15.0, arguments.minutes * 3)
    work = jobs(stage.receiver, stage.image, arguments.rate)
    settings = {"CRONTASK_LEASE_SECONDS": str(arguments.lease)} if arguments.lease else {}
    with _alone(state), site(Server(state), state, namespace, folder, settings) as two:
        faults = _plan(arguments, seconds)
        seen = run(stage, two, work, faults, quiet=quiet, poisoned=not arguments.no_poison, say=_say)
        verdict = judge(seen, gap_seconds=max(GAP_SECONDS, (arguments.lease or 0) + 1))
    facts = {
        "what": " ".join(["make chaos", f'CHAOS="{" ".join(sys.argv[1:])}"']),
        "measured_at": f"{today():%Y-%m-%dT%H:%M:%SZ}",
        "commit": results.commit(ROOT),
        "seed": arguments.seed,
        "minutes": arguments.minutes,
        "machine": {"cores": os.cpu_count(), "load_average": [round(each, 2) for each in os.getloadavg()]},
    }
    path = arguments.report or ROOT / "bench" / "results" / f"{today():%Y-%m-%d}-chaos.json"
    path.write_text(json.dumps(document(verdict, seen, facts), indent=1) + "\n")
    print("\n".join(lines(verdict)))
    kubectl.ok("delete", "namespace", namespace, "--wait=false")
    return 0 if verdict.clean else 1


def _plan(arguments: argparse.Namespace, seconds: float) -> list[plan.Fault]:
    if arguments.only == "kill" and arguments.every:
        return plan.kills(seconds, arguments.every)
    chosen = [kind for kind in plan.KINDS if arguments.only in (None, kind.name)]
    return plan.plan(arguments.seed, seconds, chosen)


@contextmanager
def _cluster() -> Iterator[Path]:
    """The cluster of STATE where one runs, else one of our own, which goes afterwards."""
    given = os.environ.get("STATE", "")
    state = Path(os.path.normpath(ROOT / (given or OWN)))
    if given and (state / "env").exists():
        yield state
        return
    settings = {"OPERATORS": "0", "METRICS_PORT": "0", "CLUSTER_WAIT": "240", "CLUSTER": "local"}
    make(state, "up", seconds=3600, **settings)
    try:
        yield state
    finally:
        make(state, "down")


def _alone(state: Path) -> AbstractContextManager[None]:
    """Without the operators of a cluster that was there before."""
    return no_others(state) if running_operators(state) else nullcontext()


def _say(text: str) -> None:
    print(text, flush=True)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
