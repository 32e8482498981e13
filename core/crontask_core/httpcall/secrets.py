"""Credentials of a call: which Secrets it wants, and how their content becomes headers and trusted certificates.

Errors name the field, the Secret and its key; what a Secret holds never
appears in one.
"""

import re
from base64 import b64encode
from collections.abc import Mapping

from crontask_core.errors import FieldError
from crontask_core.httpcall.values import SecretError
from crontask_core.model.credentials import Auth, BasicAuth, SecretKeyRef
from crontask_core.model.http_action import HttpAction

Secrets = Mapping[tuple[str, str], bytes]
"""Content by (name of the Secret, key), all in the task's namespace."""

BAD_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
PEM_START = b"-----BEGIN CERTIFICATE-----"
_REMEDY = "store one line of printable characters, without a newline at its end (printf '%s' writes none)"


def secret_refs(action: HttpAction) -> frozenset[tuple[str, str]]:
    """Every (name, key) that `build_request` will want."""
    refs = [header.value_from.secret_key_ref for header in action.headers if header.value_from]
    found = {(ref.name, ref.key) for ref in (*refs, action.tls.ca_secret) if ref}
    if action.auth and (basic := action.auth.basic):
        found |= {(basic.secret_name, basic.username_key), (basic.secret_name, basic.password_key)}
    if action.auth and (bearer := action.auth.bearer):
        found.add((bearer.secret_name, bearer.key))
    return frozenset(found)


def authorization(auth: Auth, secrets: Secrets, account_token: str) -> tuple[str, list[bytes]]:
    """The value of the Authorization header, and what of it is secret."""
    if auth.basic:
        return _basic(auth.basic, secrets)
    if auth.bearer:
        ref = SecretKeyRef(name=auth.bearer.secret_name, key=auth.bearer.key)
        token = secret_line(ref, "spec.http.auth.bearer", secrets)
        return f"Bearer {token}", [token.encode()]
    if auth.service_account_token:
        return f"Bearer {account_token}", [account_token.encode()]
    raise FieldError("spec.http.auth", "", "names no credentials", "set basic, bearer or serviceAccountToken")


def _basic(auth: BasicAuth, secrets: Secrets) -> tuple[str, list[bytes]]:
    path = "spec.http.auth.basic"
    user_ref = SecretKeyRef(name=auth.secret_name, key=auth.username_key)
    user = secret_line(user_ref, path, secrets)
    if ":" in user:
        raise SecretError(path, _shown(user_ref), "holds a colon in the user name", "RFC 7617 allows none; rename it")
    password = secret_line(SecretKeyRef(name=auth.secret_name, key=auth.password_key), path, secrets)
    pair = b64encode(f"{user}:{password}".encode())
    return f"Basic {pair.decode()}", [password.encode(), pair]


def secret_line(ref: SecretKeyRef, path: str, secrets: Secrets) -> str:
    """A Secret's content as one line of text, fit for a header; raises SecretError."""
    # The cause is dropped on purpose: a UnicodeDecodeError carries the bytes that it could not read.
    try:
        text = _content(ref, path, secrets).decode()
    except UnicodeDecodeError:
        raise SecretError(path, _shown(ref), "is not text in UTF-8", _REMEDY) from None
    if not text or BAD_IN_HEADER.search(text) or text != text.strip(" \t"):
        problem = "holds a newline, a control character or outer blanks" if text else "is empty"
        raise SecretError(path, _shown(ref), problem, _REMEDY)
    return text


def ca_pem(ref: SecretKeyRef, secrets: Secrets) -> bytes:
    """Certificates to trust; whether OpenSSL can read them shows at the call. Raises SecretError."""
    path = "spec.http.tls.caSecret"
    pem = _content(ref, path, secrets)
    if PEM_START not in pem:
        raise SecretError(path, _shown(ref), "holds no certificate", "store certificates as PEM")
    return pem


def _content(ref: SecretKeyRef, path: str, secrets: Secrets) -> bytes:
    if (content := secrets.get((ref.name, ref.key))) is None:
        raise SecretError(
            path, _shown(ref), "does not exist", "create the Secret with this key in the task's namespace"
        )
    return content


def _shown(ref: SecretKeyRef) -> str:
    return f"{ref.name}/{ref.key}"
