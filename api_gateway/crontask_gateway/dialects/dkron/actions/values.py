"""What both kinds of actions share: the value, and the pod of what cannot be done."""

from dataclasses import dataclass, field
from typing import Any

from crontask_gateway.texts import escape

Body = dict[str, Any]

MASK = "***"
"""What clients see in place of a credential, which is in a Secret; written back, it leaves the credential as it is."""
_SAYS = 'echo "$0"; exit 1'


@dataclass(slots=True)
class Action:
    """What a job does: `fields` of the task's spec, and the credentials that its Secret is to hold, by key."""

    fields: Body
    secrets: dict[str, bytes] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    """Keys whose credentials the client has seen masked, and means to leave as they are."""

    def __repr__(self) -> str:
        return f"Action({sorted(self.fields)}, secrets {sorted(self.secrets)})"


def failing(text: str, image: str) -> Body:
    """A pod that prints a text and fails."""
    return {"pod": {"image": image, "command": ["/bin/sh", "-c", _SAYS], "args": [escape(text)]}}
