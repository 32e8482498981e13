"""What an endpoint works with besides the request: one frozen value per mount."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from crontask_gateway.principal import Access
from crontask_gateway.store import Store
from crontask_kube.clock import Clock


@dataclass(frozen=True, slots=True)
class Deps:
    """The surroundings of a dialect where it is mounted."""

    store: Store
    clock: Clock
    access: Access
    """Who may use the mount, and the namespace that it writes to."""
    options: Any
    """The dialect's own settings: a value of its `Dialect.options`."""
    node: str
    """What this replica of the gateway is called, where a system names the server that answers."""
    version: str = ""
    """The gateway's version."""
    others: bool = False
    """Whether tasks that were not made by the dialect's API are shown."""
    kinship: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who looks at other jobs and then writes one, where the outcome rests on what was seen."""
