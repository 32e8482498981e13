"""`python -m audit`: audits a cluster, or a dump of one. Exit code 0: no findings; 1: findings; 2: nothing to audit."""

import argparse
import json
import sys
from datetime import timedelta
from pathlib import Path

from .dump import Unreadable, from_cluster, from_text, kubectl, machine_now
from .expected import moment
from .report import Report, audit, lines, until_clean
from .subject import SETTLE


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="audit", description="Checks that every instant of every task is accounted for."
    )
    parser.add_argument("--kubeconfig", default="", help="kubeconfig (default: as kubectl)")
    parser.add_argument("--context", default="", help="context of the kubeconfig")
    parser.add_argument("-n", "--namespace", default="", help="one namespace (default: all)")
    parser.add_argument("--dump", metavar="FILE", help="what kubectl get ct,cte -A -o json printed (-: standard input)")
    parser.add_argument("--at", metavar="TIME", help="when the dump was made, RFC 3339 (default: now)")
    parser.add_argument("--default-zone", default="UTC", metavar="ZONE", help="zone of tasks that name none")
    parser.add_argument("--settle", type=float, default=SETTLE.total_seconds(), help="seconds until all is written")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="look again so long while there are findings"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        report = _report(arguments)
    except Unreadable as error:
        sys.stderr.write(f"audit: {error}\n")
        return 2
    told = [json.dumps(report.to_body(), indent=2)] if arguments.json else lines(report)
    sys.stdout.write("\n".join(told) + "\n")
    return 1 if report.found else 0


def _report(arguments: argparse.Namespace) -> Report:
    settle = timedelta(seconds=arguments.settle)
    zone = arguments.default_zone
    if arguments.dump:
        text = sys.stdin.read() if arguments.dump == "-" else Path(arguments.dump).read_text(encoding="utf-8")
        return audit(from_text(text, moment(arguments.at) or machine_now()), default_zone=zone, settle=settle)
    options = [f"--{name}={value}" for name in ("kubeconfig", "context") if (value := getattr(arguments, name))]
    ask = kubectl(options, arguments.namespace)
    return until_clean(lambda: audit(from_cluster(ask, machine_now), default_zone=zone, settle=settle), arguments.wait)


if __name__ == "__main__":
    sys.exit(main())
