"""Executors and their config, as the actions of a CronTask, and back.

`shell` and `docker` become pods, `http` becomes an HTTP action. Upstream accepts
any executor with any config and fails at run time; so does this: what cannot be
done is a pod that prints upstream's words and fails. All that Dkron can say of an
action is written out, so that an edit by kubectl can be told from it.
"""

from collections.abc import Mapping
from typing import Any

from crontask_gateway.dialects.dkron.actions.calls import call, http, masked_call, read_call, same_host
from crontask_gateway.dialects.dkron.actions.laying import laid_over
from crontask_gateway.dialects.dkron.actions.pods import container_of, docker, other, read_pod, shell
from crontask_gateway.dialects.dkron.actions.values import MASK, Action, Body, failing
from crontask_gateway.dialects.dkron.actions.withheld import masked_config, with_secrets
from crontask_gateway.dialects.dkron.wire import Config, JobIn
from crontask_gateway.gotime import GoError

__all__ = [
    "FIELDS",
    "MASK",
    "MISSING",
    "UNNAMED",
    "Action",
    "Body",
    "action",
    "laid_over",
    "masked",
    "read_action",
    "same_host",
    "secret_keys",
]

FIELDS = ("pod", "http", "timeoutSeconds")
"""Where an action stands in a spec."""
MISSING = "grpc_agent: Specified executor is not present"
UNNAMED = "grpc: Error on execution streaming, agent connection was abruptly terminated: the job names no executor"


def action(job: JobIn, *, image: str, images: Mapping[str, str], secret: str) -> Action:
    """The action of a job. `image` runs shells, `images` other executors; `secret` is the name of the job's Secret."""
    match job.executor:
        case "shell":
            return Action(shell(job, image))
        case "http":
            return http(job, image, secret)
        case "docker" if job.text("image"):
            return Action(docker(job))
        case executor if executor in images:
            return with_secrets(other(job, images[executor]), job, secret)
    return with_secrets(failing(MISSING if job.executor else UNNAMED, image), job, secret)


def read_action(spec: Body, kept: JobIn, secret: str) -> tuple[str, Config | None]:
    """Executor and config of a spec: the client's own (`kept`) as long as the spec does what they say."""
    if _says(spec, kept, secret):
        return kept.executor, kept.executor_config
    if call := spec.get("http"):
        return "http", read_call(call, spec.get("timeoutSeconds"))
    return read_pod(spec.get("pod") or {}, spec.get("timeoutSeconds"), kept.executor)


def _says(spec: Body, kept: JobIn, secret: str) -> bool:
    """Whether a spec does what the client's words say."""
    said = _said(spec)
    if kept.executor == "http" and "http" in spec:
        return said == _said(call(kept, secret).fields)  # unchecked: what has been stored has passed
    image = container_of(spec.get("pod") or {}).get("image", "")
    tried = (action(kept, image=image, images=images, secret=secret) for images in ({}, {kept.executor: image}))
    try:
        return any(said == _said(each.fields) for each in tried)
    except GoError:  # somebody has written into the annotation what no check has seen
        return False


def _said(spec: Body) -> tuple[Any, ...]:
    """As much of an action as Dkron can say."""
    seconds = spec.get("timeoutSeconds")
    if http_action := spec.get("http"):
        success, basic = http_action.get("success") or {}, (http_action.get("auth") or {}).get("basic") or {}
        answer = (success.get("codes") or ["200-299"], success.get("bodyRegex"))
        sent = (http_action.get("url"), http_action.get("method", "GET"), http_action.get("headers") or [])
        return ("http", *sent, http_action.get("body"), basic.get("secretName"), *answer, seconds)
    container = container_of(spec.get("pod") or {})
    limits = (container.get("resources") or {}).get("limits") or {}
    user = container.get("securityContext") or {}
    lists = (container.get(name) or [] for name in ("command", "args", "env"))
    place = (container.get("image"), container.get("workingDir"), user.get("runAsUser"), user.get("runAsGroup"))
    return ("pod", *lists, *place, limits.get("memory"), seconds)


def masked(config: Config | None, executor: str) -> Config | None:
    """The config as it may be kept in an annotation and shown: without credentials.

    What a shell or an image is given in `env` is no credential to us: it may be anything, and is kept as it is.
    """
    if not config or executor in ("shell", "docker"):
        return config
    return masked_call(config) if executor == "http" else masked_config(config)


def secret_keys(spec: Body, secret: str) -> frozenset[str]:
    """The keys of the job's Secret that an action refers to."""
    http_action = spec.get("http") or {}
    refs = [(each.get("valueFrom") or {}).get("secretKeyRef") or {} for each in http_action.get("headers") or ()]
    basic = (http_action.get("auth") or {}).get("basic") or {}
    variables = container_of(spec.get("pod") or {}).get("env") or ()
    refs += [(each.get("valueFrom") or {}).get("secretKeyRef") or {} for each in variables]
    found = {ref["key"] for ref in refs if ref.get("name") == secret and "key" in ref}
    return frozenset(found | ({"username", "password"} if basic.get("secretName") == secret else set()))
