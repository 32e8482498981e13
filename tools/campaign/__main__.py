"""`make campaign`: all zones, all years from 1970 to 2100, for as many minutes as one gives it.

Each year of a zone has its own seed, so that what goes wrong can be repeated:
`make campaign CAMPAIGN="--seed 1 --zone Europe/Berlin --year 2027"`.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from random import Random

from fakes.clock_changes import distinct

from campaign.stretch import Result, run_year

SHOWN = 20
_BATCH = 10


def main() -> int:
    """Runs the campaign and prints its report; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="make campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--tasks", type=int, default=6, help="tasks around each moment")
    parser.add_argument("--skip", type=int, default=0, help="go on after so many years of zones, of an earlier run")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--zone", help="only this zone")
    parser.add_argument("--year", type=int, help="only this year")
    parser.add_argument("--report", type=Path, help="a file to write the counts into")
    arguments = parser.parse_args()
    zones = [arguments.zone] if arguments.zone else distinct()
    years = [arguments.year] if arguments.year else range(1970, 2101)
    work = [(zone, year) for zone in zones for year in years]
    Random(arguments.seed).shuffle(work)
    begun = time.monotonic()
    total, done = _run(
        work[arguments.skip :], arguments.seed, arguments.tasks, arguments.processes, begun + arguments.minutes * 60
    )
    report = {
        "seed": arguments.seed,
        "seconds": round(time.monotonic() - begun),
        "zones": len({zone for zone, _ in done}),
        "years of zones": f"{len(done)} of {len(work)}, after {arguments.skip}",
        "wrong": len(total.wrong),
        "counts": dict(sorted(total.counts.items())),
    }
    print(json.dumps(report, indent=2))
    for problem in total.wrong[:SHOWN]:
        print(problem, file=sys.stderr)
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if total.wrong else 0


def _run(
    work: list[tuple[str, int]], seed: int, tasks: int, processes: int, until: float
) -> tuple[Result, list[tuple[str, int]]]:
    """Works through the list, some years at a time, until it is done or the time is over."""
    total, done = Result(), []
    rest = iter(work)
    with ProcessPoolExecutor(processes) as pool:
        while time.monotonic() < until and (batch := list(islice(rest, processes * _BATCH))):
            jobs = {pool.submit(run_year, seed, zone, year, tasks): (zone, year) for zone, year in batch}
            for job in as_completed(jobs):
                total.counts.update(job.result().counts)
                total.wrong += job.result().wrong
                done.append(jobs[job])
    return total, done


if __name__ == "__main__":
    sys.exit(main())
