"""Texts of clients in a spec: where `$` has a meaning, and which of them are credentials. Pure."""

import re

_CREDENTIALS = re.compile(r"authorization|cookie|password|passwd|secret|token|credential|api[_-]?key", re.IGNORECASE)
_NO_KEY = re.compile(r"[^-._a-zA-Z0-9]")


def names_credential(text: str) -> bool:
    """Whether the name of a header or of a setting says that it holds a credential, or a text names such a one."""
    return _CREDENTIALS.search(text) is not None


def key_of(kind: str, name: str) -> str:
    """The key in the Secret for the credential of a header or a setting."""
    return f"{kind}-{_NO_KEY.sub('_', name)[:200]}"


def escape(text: str) -> str:
    """Text of which Kubernetes, or the substitution of a call, makes that very text: `$$` stands for `$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)


def plain(text: str) -> str:
    """What `escape` was made of."""
    return text.replace("$$", "$")
