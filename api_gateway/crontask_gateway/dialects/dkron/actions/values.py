"""What both kinds of actions share: the value, and texts in which `$` has a meaning."""

import re
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]

MASK = "***"
"""What clients see in place of a credential, which is in a Secret; written back, it leaves the credential as it is."""
_CREDENTIALS = re.compile(r"authorization|cookie|password|passwd|secret|token|credential|api[_-]?key", re.IGNORECASE)
_NO_KEY = re.compile(r"[^-._a-zA-Z0-9]")
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


def names_credential(text: str) -> bool:
    """Whether the name of a header or of a setting says that it holds a credential, or a text names such a one."""
    return _CREDENTIALS.search(text) is not None


def key_of(kind: str, name: str) -> str:
    """The key in the Secret for the credential of a header or a setting."""
    return f"{kind}-{_NO_KEY.sub('_', name)[:200]}"


def failing(text: str, image: str) -> Body:
    """A pod that prints a text and fails."""
    return {"pod": {"image": image, "command": ["/bin/sh", "-c", _SAYS], "args": [escape(text)]}}


def escape(text: str) -> str:
    """Text of which Kubernetes, or the substitution of a call, makes that very text: `$$` stands for `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)


def plain(text: str) -> str:
    """What `escape` was made of."""
    return text.replace("$$", "$")
