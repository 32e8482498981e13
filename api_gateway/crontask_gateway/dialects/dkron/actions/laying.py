"""A new action over an old one of the same kind: what Dkron cannot say of it, kubectl has said, and it stays."""

from copy import deepcopy
from typing import Any

from crontask_gateway.dialects.dkron.actions.pods import container_of
from crontask_gateway.dialects.dkron.actions.values import Body

_CALL = ("url", "method", "headers", "body", "success")
_CONTAINER = ("image", "command", "args", "env", "workingDir", "securityContext", "resources")


def laid_over(old: Body, new: Body, secret: str) -> Body:
    """The fields `pod`, `http` and `timeoutSeconds` of a spec; `secret` is the name of the job's own Secret."""
    if "http" in old and "http" in new:
        return new | {"http": _call(old["http"], new["http"], secret)}
    if "pod" in old and "pod" in new:
        return new | {"pod": _pod(old["pod"], new["pod"], secret)}
    return new


def _call(old: Body, new: Body, secret: str) -> Body:
    kept = {name: value for name, value in old.items() if name not in _CALL}
    basic = (kept.get("auth") or {}).get("basic") or {}
    named = {header["name"].lower() for header in new["headers"]}
    if basic.get("secretName") == secret or "authorization" in named:
        kept.pop("auth", None)
    timeouts = (old.get("timeouts") or {}) | new["timeouts"]
    success = {"redirects": True} if (old.get("success") or {}).get("redirects") else {}
    return new | kept | {"timeouts": timeouts, "success": success | new["success"]} | _auth(new)


def _auth(new: Body) -> Body:
    return {"auth": new["auth"]} if "auth" in new else {}


def _pod(old: Body, new: Body, secret: str) -> Body:
    """A template stays one; where the new pod needs one, the old short form goes into its container."""
    before, after = container_of(old), container_of(new)
    container = _container(before, after, secret)
    if "template" not in old and "template" not in new:
        return {name: value for name, value in old.items() if name not in _CONTAINER} | container
    around = {name: value for name, value in old.items() if name not in (*_CONTAINER, "template")}
    template = deepcopy(old["template"]) if "template" in old and before else {"spec": {"containers": [{}]}}
    template["spec"]["containers"][0] = {"name": "main"} | container
    return around | {"template": template}


def _container(old: Any, new: Any, secret: str) -> Body:
    kept = {name: value for name, value in old.items() if name not in (*_CONTAINER, "pendingTimeoutSeconds")}
    made = kept | {name: value for name, value in new.items() if name in (*_CONTAINER, "name")}
    if "name" in kept:
        made["name"] = kept["name"]
    sources = [each for each in old.get("env") or () if "valueFrom" in each and not _ours(each, secret)]
    names = {each["name"] for each in made.get("env") or ()}
    if extra := [each for each in sources if each["name"] not in names]:
        made["env"] = [*(made.get("env") or ()), *extra]
    if resources := _resources(old.get("resources") or {}, new.get("resources") or {}):
        made["resources"] = resources
    if user := _user(old.get("securityContext") or {}, new.get("securityContext") or {}):
        made["securityContext"] = user
    return made


def _ours(variable: Body, secret: str) -> bool:
    return bool(((variable["valueFrom"] or {}).get("secretKeyRef") or {}).get("name") == secret)


def _resources(old: Body, new: Body) -> Body:
    """All that was asked for, but for the limit of memory, which Dkron can say."""
    limits = {name: value for name, value in (old.get("limits") or {}).items() if name != "memory"}
    limits |= new.get("limits") or {}
    made = old | {"limits": limits}
    return {name: value for name, value in made.items() if value}


def _user(old: Body, new: Body) -> Body:
    return {name: value for name, value in old.items() if name not in ("runAsUser", "runAsGroup")} | new
