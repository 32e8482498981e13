"""The way to a cluster: options as kubectl has them, and a client for the time of one command.

Credentials come from `crontask_kube.config`, as in the operator, so that both
accept the same kubeconfigs. Imported only by commands that ask a cluster: it
loads what takes a second.
"""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crontask_kube.client import ApiClient
from crontask_kube.clock import SystemClock
from crontask_kube.config import load

SECONDS = 15.0
"""How long an answer of the API server may take; people are waiting."""


@asynccontextmanager
async def opened(arguments: argparse.Namespace) -> AsyncIterator[tuple[ApiClient, str]]:
    """A client, and the namespace that is meant: the option's, else the context's. Raises ConfigError."""
    environ = os.environ  # noqa: TID251 - the command line's only look at it
    clock = SystemClock()
    kubeconfig = arguments.kubeconfig or environ.get("KUBECONFIG")
    connection = await load(environ, clock=clock, kubeconfig=kubeconfig, context=arguments.context or None)
    api = ApiClient(connection, clock=clock)
    try:
        yield api, arguments.namespace or connection.namespace
    finally:
        await api.close()
