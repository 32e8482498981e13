"""The command line of the benchmark."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from bench.catalogue import MEASURED
from bench.cluster import CHECKOUT
from bench.stage import Sizes

_ABOUT = "Measures the operator beside the CronJob controller of the same cluster; docs/benchmarks.md tells how."


def options(argv: list[str], *, results: Path) -> argparse.Namespace:
    """What was asked for; a wrong argument ends the process with code 2."""
    default = Sizes()
    parser = argparse.ArgumentParser(prog="bench", description=_ABOUT)
    add = parser.add_argument
    add("rows", nargs="*", type=_row, metavar="ROW", help=", ".join(MEASURED))
    add("--repetitions", type=int, default=default.repetitions, help="turns of each contestant")
    add("--burst", type=int, nargs="+", default=list(default.burst), help="tasks due at one instant")
    add("--idle", type=int, default=default.idle, help="tasks that wait")
    add("--rates", type=int, nargs="+", default=list(default.rates), help="starts a second to try")
    add("--minutes", type=float, default=default.minutes, help="how long http-long goes on")
    add("--long-rates", type=int, nargs="+", default=list(default.long_rates), help="a second, of http-long")
    add("--dkron-rates", type=int, nargs="+", default=list(default.dkron_rates), help="a second, of dkron")
    add("--dkron-seconds", type=int, default=default.dkron_seconds, help="how long dkron counts")
    add("--jobs", type=int, default=default.jobs, help="jobs that the gateway has")
    add("--connections", type=int, default=default.connections, help="idle ones to the gateway")
    add("--contestants", nargs="+", default=list(default.contestants), choices=default.contestants)
    add("--seed", type=int, default=int(datetime.now(UTC).timestamp()), help="of the order")
    add("--state", default=str(CHECKOUT / ".cluster-bench"), help="state folder of the cluster")
    add("--results", default=str(results), help="folder for the results")
    add("--prefer", action="store_true", help="take the processors before others (needs root)")
    add("--profile", action="store_true", help="sample the operator with py-spy, into STATE/profiles")
    add("--keep", action="store_true", help="leave the cluster running")
    add("--readme", action="store_true", help="only write the README's table again")
    asked = parser.parse_args(argv)
    if asked.repetitions < 1:
        parser.error("--repetitions: at least 1 is needed")
    return asked


def _row(name: str) -> str:
    if name not in MEASURED:
        raise argparse.ArgumentTypeError(f"there is no row {name!r}; choose from {', '.join(MEASURED)}")
    return name


def sizes(asked: argparse.Namespace) -> Sizes:
    """The sizes of the rows; ours takes part whoever else does."""
    return Sizes(
        burst=tuple(asked.burst),
        idle=asked.idle,
        rates=tuple(asked.rates),
        minutes=asked.minutes,
        long_rates=tuple(asked.long_rates),
        dkron_rates=tuple(asked.dkron_rates),
        dkron_seconds=asked.dkron_seconds,
        jobs=asked.jobs,
        connections=asked.connections,
        contestants=tuple(dict.fromkeys(["ours", *asked.contestants])),
        repetitions=asked.repetitions,
    )
