"""What the notifier asks of a way out."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from crontask_core.notices import Facts

MAX_MESSAGE = 500


class Delivery(NamedTuple):
    """How one try went; `message` may also tell something of a delivery that went well."""

    delivered: bool
    reason: str
    message: str = ""


class Channel(Protocol):
    """Delivers notifications one way."""

    async def send(self, facts: Facts) -> Delivery:
        """Tries once. Bounded in time by the caller; raises FieldError or KubeError where nothing could be sent."""
        ...


def told(message: str, hidden: Iterable[str]) -> str:
    """A message without what came from Secrets, and not too long."""
    for text in sorted({text for text in hidden if text}, key=len, reverse=True):
        message = message.replace(text, "***")
    return message[:MAX_MESSAGE]
