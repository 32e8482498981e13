"""Options that several commands share, named as kubectl names them."""

import argparse


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Which cluster, and which namespace of it."""
    parser.add_argument("-n", "--namespace", default="", help="namespace of the task (default: the context's)")
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="kubeconfig (default: as kubectl)")
    parser.add_argument("--context", default="", metavar="NAME", help="context of the kubeconfig (default: its own)")
    parser.add_argument(
        "--default-zone",
        default="UTC",
        metavar="ZONE",
        help="zone of tasks that name none: the operator's CRONTASK_DEFAULT_TIME_ZONE (default: UTC)",
    )
