"""The executor `http` as an HTTP action, and back. Credentials leave it as values of their own, for a Secret."""

import json
import re
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from crontask_core.errors import FieldError
from crontask_core.httpcall import check_action
from crontask_core.model import HttpAction
from crontask_core.model.http_action import HttpMethod
from crontask_core.model.policy import YEAR
from crontask_gateway.dialects.dkron.actions.values import MASK, Action, Body, failing
from crontask_gateway.dialects.dkron.wire import Config, JobIn
from crontask_gateway.texts import escape, key_of, names_credential, plain

ANY_STATUS = "100-599"
NO_STATUS = "100"
"""A status that no answer ends with: stands for an `expectCode` that holds no number, which nothing can match."""
HTTP_SECONDS = 30
MAX_RESPONSE = 104_857_600

_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection", "upgrade")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")


def http(job: JobIn, image: str, secret: str) -> Action:
    """The call, or a pod that says why there can be none."""
    method, url = job.text("method"), job.text("url")
    if not url or not method:
        return Action(failing("method is empty" if url else "url is empty", image))
    if method.upper() not in get_args(HttpMethod):
        return Action(failing(f"method {method} is not supported; use one of {', '.join(get_args(HttpMethod))}", image))
    made = call(job, secret)
    try:
        check_action(HttpAction.model_validate(made.fields["http"]))
    except FieldError as error:
        return Action(failing(f"{error.path.removeprefix('spec.http.')} {error.problem}; {error.remedy}", image))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return Action(failing(f"{where}: {error.errors()[0]['msg']}", image))
    return made


def call(job: JobIn, secret: str) -> Action:
    """The call that a config describes, whether or not it can be made."""
    made = Action({})
    success: Body = {"codes": _codes(job.text("expectCode"))}
    if pattern := job.text("expectBody"):
        success["bodyRegex"] = pattern
    seconds = _seconds(job.text("timeout"))
    action: Body = {
        "url": escape(_without_user(job.text("url"), made)),
        "method": job.text("method").upper(),
        "headers": _headers(job.text("headers"), secret, made),
        "success": success,
        "timeouts": {"firstByteSeconds": min(seconds, 86_400)},
        "maxResponseBytes": MAX_RESPONSE,
    }
    if body := job.text("body"):
        action["body"] = escape(body)
    named = {header["name"].lower() for header in action["headers"]}
    if "username" in made.secrets.keys() | made.kept and "authorization" not in named:
        action["auth"] = {"basic": {"secretName": secret}}
    made.fields |= {"http": action, "timeoutSeconds": seconds}
    return made


def _seconds(text: str) -> int:
    """`timeout`: whole seconds; 0 means none, what is no number means the default."""
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else HTTP_SECONDS
    return min(number, YEAR) if number > 0 else YEAR


def _codes(text: str) -> list[str]:
    """Status codes of a comma list; an empty text takes any, one without a number none."""
    if not text.strip():
        return [ANY_STATUS]
    found = [code for each in text.split(",") if re.fullmatch(r"[1-5][0-9]{2}", code := each.strip())]
    return list(dict.fromkeys(found))[:50] or [NO_STATUS]


def _without_user(url: str, made: Action) -> str:
    """The URL without user name and password, which go to the Secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    if user == MASK:
        made.kept |= {"username", "password"}
    else:
        name, _, password = user.partition(":")
        made.secrets |= {"username": unquote(name).encode(), "password": unquote(password).encode()}
    return parts._replace(netloc=host).geturl()


def _headers(text: str, secret: str, made: Action) -> list[Body]:
    """Request headers of a JSON list of `Name: value`; what is no such list, or no header, is left out."""
    found: list[Body] = []
    for name, value in _pairs(text):
        if names_credential(name):
            key = key_of("header", name.lower())
            if value == MASK:
                made.kept.add(key)
            else:
                made.secrets[key] = value.encode()
            found.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
        else:
            found.append({"name": name, "value": escape(value)})
    return found[:100]


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        entries = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    if not isinstance(entries, list):
        return []
    split = (entry.partition(":") for entry in entries if isinstance(entry, str) and ":" in entry)
    return [
        (name.strip(), value.strip())
        for name, _, value in split
        if _TOKEN.fullmatch(name.strip()) and name.strip().lower() not in _OF_THE_CONNECTION
    ]


def read_call(http: Mapping[str, Any], seconds: int | None) -> Config:
    """The config of a call that this dialect has not written."""
    config: Config = {"method": http.get("method", "GET"), "url": plain(http.get("url", ""))}
    if headers := http.get("headers"):
        told = [f"{each['name']}: {plain(each['value']) if 'value' in each else MASK}" for each in headers]
        config["headers"] = json.dumps(told, ensure_ascii=False)
    if body := http.get("body"):
        config["body"] = plain(body)
    success = http.get("success") or {}
    codes = success.get("codes") or ["200-299"]
    if codes != [ANY_STATUS]:
        ends = [(code[:3], code[-3:]) for code in codes]
        config["expectCode"] = ",".join(str(n) for low, high in ends for n in range(int(low), int(high) + 1))
    if pattern := success.get("bodyRegex"):
        config["expectBody"] = pattern
    config["timeout"] = str(seconds or 300)
    return config


def masked_call(config: Config) -> Config:
    """The config without the credentials of the call."""
    shown = dict(config)
    if isinstance(url := config.get("url"), str) and "@" in url:
        shown["url"] = re.sub(r"(?<=//)[^/?#]*@", f"{MASK}@", url)
    headers = config.get("headers")
    if isinstance(headers, str) and any(names_credential(name) for name, _ in _pairs(headers)):
        entries = [entry for entry in json.loads(headers) if isinstance(entry, str)]
        shown["headers"] = json.dumps([_hidden(entry) for entry in entries], ensure_ascii=False)
    elif isinstance(headers, str) and not _pairs(headers) and names_credential(headers):
        shown["headers"] = (
            MASK  # no list, so no header is sent, as upstream has it; it is nobody's to read all the same
        )
    return shown


def _hidden(entry: str) -> str:
    name, colon, _ = entry.partition(":")
    return f"{name}: {MASK}" if colon and names_credential(name) else entry


def same_host(fields: Body, before: Body) -> bool:
    """Whether the calls of two specs go to the same scheme, host and port; so, too, where either makes none."""
    if "http" not in fields or "http" not in before:
        return True
    now, then = (urlsplit(str(each["http"].get("url", ""))) for each in (fields, before))
    return (now.scheme, now.netloc.lower()) == (then.scheme, then.netloc.lower())
