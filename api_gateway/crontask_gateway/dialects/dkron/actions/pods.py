"""The executor `shell`, and others that have an image, as pods; and a pod as an executor's config.

Upstream's shell inherits the environment of its host; this one has that of its image.
"""

import json
import re
import shlex
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from crontask_core.model.policy import YEAR
from crontask_gateway import gotime
from crontask_gateway.dialects.dkron.actions.values import Body, failing
from crontask_gateway.dialects.dkron.actions.withheld import masked_config
from crontask_gateway.dialects.dkron.wire import Config, JobIn, text_of
from crontask_gateway.gotime import GoError
from crontask_gateway.texts import escape, plain

PAYLOAD = "DKRON_PAYLOAD"
GIVEN = "DKRON_EXECUTOR_CONFIG"

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_ENV_NAME = re.compile(r"[ -<>-~]{1,253}")
_MEMORY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]+)")
_UNITS = {"B": 0, "BYTES": 0, "K": 1, "KB": 1, "M": 2, "MB": 2, "G": 3, "GB": 3, "T": 4, "TB": 4}
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)"""
    r"""|(?P<blank>\s+)|(?P<operator>[;&|<>])|(?P<plain>[^\s'"\\;&|<>]+)""",
    re.DOTALL,
)
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
_FED = f'printf %s "${PAYLOAD}" | base64 -d | "$@"'


def is_true(text: str) -> bool:
    """Go's `strconv.ParseBool`, anything else being false."""
    return text in _TRUE


def memory_bytes(text: str) -> int:
    """A `mem_limit` in bytes. Raises GoError with upstream's inner text."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        size = int(text)
    else:
        found = _MEMORY.fullmatch(text.strip())
        if found is None:
            raise GoError(f"invalid memory limit format: {text}")
        if found[2].upper() not in _UNITS:
            raise GoError(f"unsupported memory unit: {found[2].upper()} (supported: B, KB, MB, GB, TB)")
        size = int(float(found[1]) * 1024 ** _UNITS[found[2].upper()])
    if size <= 0:
        raise GoError("memory limit must be greater than 0")
    return size


def shell(job: JobIn, image: str) -> Body:
    """The fields of the task's spec."""
    command, payload = job.text("command"), job.text("payload")
    if not command:
        return failing("shell: Command missing", image)
    words = ["/bin/sh", "-c", command] if is_true(job.text("shell")) else _words(command)
    if not words:
        return failing("shell: invalid command line string", image)
    more: dict[str, str] = {}
    if payload:
        try:
            b64decode(payload, validate=True)
        except (Error, ValueError):
            return failing("shell: Error decoding payload: illegal base64 data", image)
        words = ["/bin/sh", "-c", _FED, "sh", *words]
        more[PAYLOAD] = payload
    pod: Body = {"image": image, "command": _all(words), "env": _environment(job, more)}
    if limit := job.text("mem_limit"):
        pod["resources"] = {"limits": {"memory": str(memory_bytes(limit))}}
    made: Body = {"pod": _in_template(pod, job.text("cwd"), job.text("su"))}
    if timeout := job.text("timeout"):
        made["timeoutSeconds"] = min(max(1, -(-gotime.duration(timeout) // gotime.SECOND)), YEAR)
    return made


def _in_template(pod: Body, cwd: str, su: str) -> Body:
    """The short form, or a template where a working directory or a numeric user is asked for."""
    user = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", su)
    if not cwd and user is None:
        return pod
    container: Body = {"name": "main"} | pod | ({"workingDir": cwd} if cwd else {})
    if user is not None:
        group = {"runAsGroup": int(user[2])} if user[2] else {}
        container["securityContext"] = {"runAsUser": int(user[1])} | group
    return {"template": {"spec": {"containers": [container]}}}


def _words(command: str) -> list[str]:
    """A command split by the shell's rules of quoting, up to the first operator; empty where a quote is not closed."""
    words: list[str] = []
    at, open_word = 0, False
    while at < len(command):
        piece = _PIECE.match(command, at)
        if piece is None:
            return []
        at = piece.end()
        if piece["operator"]:
            break
        if piece["blank"]:
            open_word = False
            continue
        single, double, escaped, plain = piece["single"], piece["double"], piece["escaped"], piece["plain"]
        text = next(
            each
            for each in (single, _UNESCAPED.sub(r"\1", double) if double else double, escaped, plain)
            if each is not None
        )
        if open_word:
            words[-1] += text
        else:
            words.append(text)
        open_word = True
    return words


def _environment(job: JobIn, more: Mapping[str, str] = MappingProxyType({})) -> list[Body]:
    """The variables: split at every comma, the last of a name counts, then the job's name and ours."""
    pairs = (pair.partition("=") for pair in job.text("env").split(",") if "=" in pair)
    found = {name: value for name, _, value in pairs if _ENV_NAME.fullmatch(name)}
    found |= {"ENV_JOB_NAME": job.name, **more}
    return [{"name": name, "value": escape(value)} for name, value in found.items()]


def docker(job: JobIn) -> Body:
    """The fields of the task's spec for a job that names its image."""
    words = _words(job.text("command"))
    return {"pod": {"image": job.text("image"), "env": _environment(job)} | ({"args": _all(words)} if words else {})}


def other(job: JobIn, image: str) -> Body:
    """The same for an executor that the configuration has an image for: its config is in a variable."""
    config = json.dumps({key: text_of(value) for key, value in masked_config(job.executor_config or {}).items()})
    return {"pod": {"image": image, "env": _environment(job, {GIVEN: config})}}


def read_pod(pod: Mapping[str, Any], seconds: int | None, kept: str) -> tuple[str, Config]:
    """Executor and config of a pod that this dialect has not written; `kept` is the executor that the client named."""
    container = container_of(pod)
    words = [plain(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
    config: Config = {}
    if kept != "shell" or not container.get("command"):
        config["image"] = container.get("image", "")
    if words[:2] == ["/bin/sh", "-c"] and len(words) == 3:
        config |= {"shell": "true", "command": words[2]}
    elif words:
        config["command"] = shlex.join(words)
    env = [f"{each['name']}={plain(each['value'])}" for each in container.get("env") or () if each.get("value")]
    if shown := [each for each in env if not each.startswith("ENV_JOB_NAME=")]:
        config["env"] = ",".join(shown)
    if container.get("workingDir"):
        config["cwd"] = container["workingDir"]
    if limit := ((container.get("resources") or {}).get("limits") or {}).get("memory"):
        config["mem_limit"] = str(limit)
    if seconds:
        config["timeout"] = f"{seconds}s"
    return ("docker" if "image" in config else "shell"), config


def container_of(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The short form, or the first container of a template."""
    if pod.get("image"):
        return pod
    containers = ((pod.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return containers[0] if isinstance(containers[0], dict) else {}


def _all(words: list[str]) -> list[str]:
    return [escape(word) for word in words]
