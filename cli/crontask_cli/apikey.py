"""`kubectl crontask apikey`: API keys of the gateway, which Secrets hold as hashes."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

NAMESPACE = "crontask-system"
"""Where the gateway looks for them: beside its Leases."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the subcommand."""
    parser = commands.add_parser(
        "apikey",
        help="make, list, disable and revoke API keys of the gateway",
        description="API keys of the gateway: Secrets hold their hashes, dialects with apiKeys: true take them.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = _verb(verbs, "create", "make a key, and show it once")
    create.add_argument("name", metavar="NAME", help="name of the key, and of its Secret")
    create.add_argument("--dialect", required=True, metavar="DIALECT", help="which API it opens, such as cronjob-org")
    for option, metavar, told in (
        ("--owner", "OWNER", "whose jobs (default: those of no tenant)"),
        ("--per-day", "N", "requests in a day, 0 for any number (default: what the dialect says)"),
    ):
        create.add_argument(option, type=_filled, metavar=metavar, help=told)
    for option, metavar, told in (
        ("--address", "ADDRESS", "an address or network that it may be used from (default: any)"),
        ("--right", "RIGHT", "read, write, run (default: all)"),
    ):
        create.add_argument(option, type=_filled, action="append", default=[], metavar=metavar, help=told)
    create.add_argument("-q", "--quiet", action="store_true", help="say nothing besides the key")
    _verb(verbs, "list", "show all keys, never a key itself")
    for name, told in (
        ("revoke", "delete a key"),
        ("disable", "have a key open nothing for now"),
        ("enable", "have a disabled key open again"),
    ):
        _verb(verbs, name, told).add_argument("name", metavar="NAME", help="name of the key")


def _filled(text: str) -> str:
    """An option's value; an empty variable of a shell would take a limit away."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; write a value, or leave it out")
    return text


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, told: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=told, description=f"{told[:1].upper()}{told[1:]}.")
    parser.add_argument(
        "-n", "--namespace", default=NAMESPACE, help=f"namespace of the gateway's Leases (default: {NAMESPACE})"
    )
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="kubeconfig (default: as kubectl)")
    parser.add_argument("--context", default="", metavar="NAME", help="context of the kubeconfig (default: its own)")
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """0 done; 1 no such key, no cluster, or a name that is taken; 2 wrong use."""
    from crontask_cli import keys
    from crontask_core.errors import CronTaskError, FieldError

    verbs: dict[str, Callable[[argparse.Namespace], Awaitable[str]]] = {
        "create": keys.create,
        "list": keys.listed,
        "revoke": keys.revoke,
        "disable": keys.disable,
        "enable": keys.enable,
    }

    async def told() -> str:
        return await verbs[arguments.verb](arguments)

    try:
        sys.stdout.write(asyncio.run(told()))
    except FieldError as error:
        return _refuse(str(error), 2)
    except CronTaskError as error:
        return _refuse(str(error), 1)
    return 0


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"kubectl crontask apikey: {message}\n")
    return code
