"""The request that a job sends as `spec.http`, and back; its credentials apart. Pure.

What a header or the URL says of a user is kept in the job's Secret, and so are values
that a spec cannot hold. What cannot be called (a URL that is none, the method CONNECT)
becomes a call of a host below `.invalid`, which no resolver knows (RFC 6761).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from crontask_core.errors import FieldError
from crontask_core.httpcall import check_action
from crontask_core.model import HttpAction
from crontask_core.substitution import NOW_UNIX, RANDOM_UUID
from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.cronjob_org.wire import METHODS, Fields
from crontask_gateway.texts import key_of, names_credential

Body = dict[str, Any]
MALFORMED, UNSUPPORTED, NO_CONNECT = (
    f"http://{host}.invalid/" for host in ("malformed-url", "unsupported-protocol", "connect-is-not-supported")
)
"""What is called in place of what cannot be."""
CONNECT = METHODS.index("CONNECT")
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FORM = "application/x-www-form-urlencoded"
"""What curl says of a body of which nobody has said anything."""
URL, AUTH, BODY = "url", "auth", "body"
"""Which members are kept in the job's Secret (`Call.held`), besides headers."""
MAX_PHASE = 300
"""Seconds that the spec gives the look-up, the connection and the handshake at most."""
_PHASES = ("lookupSeconds", "connectSeconds", "tlsSeconds")
MAX_VALUE = 8_192
"""Characters of a header's value in a spec."""

_NOT_SENT = frozenset({"user-agent", "connection", "x-forwarded-for"})
"""Dropped by the service without a word."""
_OF_THE_CONNECTION = frozenset({"content-length", "transfer-encoding", "upgrade"})
_NO_TOKEN = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_USER = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?([^/?#]*)@")
_BEGIN = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VARIABLES = {"%cjo:unixtime%": f"$({NOW_UNIX})", "%cjo:uuid4%": f"$({RANDOM_UUID})"}
_OURS = {reference: variable for variable, reference in _VARIABLES.items()}
_DOLLAR = re.compile(r"\$(?=[$(]|%cjo:(?:unixtime|uuid4)%)")
_REFERENCE = re.compile(r"\$\$|\$\([^)]*\)")


def apart(fields: Fields) -> tuple[Fields, dict[str, bytes]]:
    """The job without credentials, and these by the keys of its Secret. Such headers have the value None."""
    secrets: dict[str, bytes] = {}
    bare = fields
    if found := _USER.match(fields.url):
        name, _, password = found[2].partition(":")
        secrets |= {URL: found[2].encode(), "url-username": _bytes(name), "url-password": _bytes(password)}
        bare = replace(bare, url=(found[1] or "") + fields.url[found.end() :])
    if fields.auth_enable or fields.auth_user or fields.auth_password:
        secrets |= {"username": fields.auth_user.encode(), "password": fields.auth_password.encode()}
        bare = replace(bare, auth_user="", auth_password="")
    if fields.body and METHODS[fields.request_method] not in WITH_BODY:
        secrets[BODY] = fields.body.encode()
        bare = replace(bare, body="")
    keys = header_keys(fields.headers)
    apart = {name for name, value in fields.headers.items() if value is not None and _is_apart(name, value)}
    secrets |= {keys[name]: (fields.headers[name] or "").encode() for name in apart}
    return replace(bare, headers={n: None if n in apart else v for n, v in bare.headers.items()}), secrets


def whole(bare: Fields, held: Mapping[str, bytes]) -> Fields:
    """The job with its credentials, as far as the Secret holds them."""
    texts = {key: value.decode(errors="replace") for key, value in held.items()}
    keys = header_keys(bare.headers)
    told = {name: texts.get(keys[name]) if value is None else value for name, value in bare.headers.items()}
    url, begin = bare.url, _BEGIN.match(bare.url)
    if URL in texts and begin is not None:
        url = f"{begin[0]}{texts[URL]}@{bare.url[begin.end() :]}"
    return replace(
        bare,
        url=url,
        headers=told,
        auth_user=texts.get("username", bare.auth_user),
        auth_password=texts.get("password", bare.auth_password),
        body=texts.get(BODY, bare.body),
    )


def header_keys(headers: Mapping[str, str | None]) -> dict[str, str]:
    """The key in the Secret for each header, another one for each."""
    keys: dict[str, str] = {}
    for place, name in enumerate(headers):
        key = key_of("header", name.lower())
        keys[name] = key if key not in keys.values() else f"{key}-{place}"
    return keys


def call(bare: Fields, held: frozenset[str], secret: str, options: Options) -> Body:
    """`spec.http` of a job whose credentials are apart (`apart`); `held` says which of `URL`, `AUTH`, `BODY` are."""
    method = METHODS[bare.request_method]
    seconds = seconds_of(bare.request_timeout, options)
    action: Body = {
        "url": _target(bare),
        "method": "GET" if bare.request_method == CONNECT else method,
        "headers": [{"name": "User-Agent", "value": reference(options.user_agent)}, *_headers(bare, secret)],
        "followRedirects": False,
        "success": {"codes": ["200-299"], "redirects": bare.redirect_success},
        "timeouts": dict.fromkeys(_PHASES, min(seconds, MAX_PHASE)) | {"firstByteSeconds": seconds},
        "maxResponseBytes": options.response_bytes,
    }
    if method in WITH_BODY:
        action["body"] = reference(bare.body)
    if bare.auth_enable and AUTH in held:
        action["auth"] = {"basic": {"secretName": secret}}
    elif URL in held:
        keys = {"usernameKey": "url-username", "passwordKey": "url-password"}
        action["auth"] = {"basic": {"secretName": secret} | keys}
    if any(each["name"].lower() == "authorization" for each in action["headers"]):
        action.pop("auth", None)
    return action


def seconds_of(requested: int, options: Options) -> int:
    """How long a call may take."""
    return requested if 1 <= requested <= options.timeout_seconds else options.timeout_seconds


def reference(text: str) -> str:
    """A client's text as the spec's: its variables as references, its own `$(` kept from being one."""
    text = _DOLLAR.sub("$$", text)
    for variable, ours in _VARIABLES.items():
        text = text.replace(variable, ours)
    return text


def shown(text: str) -> str:
    """What `reference` was made of; references that are not ours stay."""
    return _REFERENCE.sub(lambda found: "$" if found[0] == "$$" else _OURS.get(found[0], found[0]), text)


def read_call(http: Mapping[str, Any], secret: str) -> Body:
    """The members of a job that the call alone tells: url, method, headers, body, whether a user is named."""
    named = http.get("method", "GET")
    headers = {each["name"]: _value(each) for each in http.get("headers") or () if each["name"].lower() != "user-agent"}
    if named in WITH_BODY and headers.get("Content-Type") == FORM:
        del headers["Content-Type"]
    basic = (http.get("auth") or {}).get("basic") or {}
    ours = basic.get("secretName") == secret and basic.get("usernameKey", "username") == "username"
    return {
        "url": shown(http.get("url", "")),
        "request_method": METHODS.index(named),
        "headers": headers,
        "body": shown(http.get("body") or ""),
        "auth_enable": ours,
        "redirect_success": bool((http.get("success") or {}).get("redirects")),
    }


def _value(header: Mapping[str, Any]) -> str | None:
    return shown(header["value"]) if "value" in header else None


def _headers(bare: Fields, secret: str) -> list[Body]:
    """Those that are sent, with what curl adds."""
    keys, found = header_keys(bare.headers), list[Body]()
    for name, value in bare.headers.items():
        token = _NO_TOKEN.sub("", name)
        if not token or token.lower() in _NOT_SENT | _OF_THE_CONNECTION:
            continue
        if value is None:
            ref = {"name": secret, "key": keys[name]}
            found.append({"name": token, "valueFrom": {"secretKeyRef": ref}})
        else:
            found.append({"name": token, "value": _CONTROLS.sub("", reference(value))})
    if METHODS[bare.request_method] in WITH_BODY and all(each["name"].lower() != "content-type" for each in found):
        found.append({"name": "Content-Type", "value": FORM})
    return found


def _target(bare: Fields) -> str:
    """What is called."""
    if bare.request_method == CONNECT:
        return NO_CONNECT
    url = bare.url
    if not url:
        return MALFORMED
    if (scheme := _SCHEME.match(url)) is None:
        url = f"http://{url.removeprefix('//')}"  # curl's guess
    elif scheme[1].lower() not in ("http", "https"):
        return UNSUPPORTED
    made = reference(url)
    try:
        check_action(HttpAction.model_validate({"url": made}))
    except (FieldError, ValidationError):
        return MALFORMED
    return made


def _is_apart(name: str, value: str) -> bool:
    return names_credential(name) or len(reference(value)) > MAX_VALUE


def _bytes(text: str) -> bytes:
    return unquote(text).encode()
