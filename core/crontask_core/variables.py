"""References in a task's texts to `CRONTASK_` variables that nobody sets, which stay as they are written."""

from collections.abc import Iterable, Iterator
from typing import Any

from crontask_core.manifests import pod_template
from crontask_core.model import Header, HttpAction, Notify, TaskSpec
from crontask_core.notices.facts import NAMES as NOTICE_NAMES
from crontask_core.substitution import CALL_NAMES, NAMES, TARGET, unknown_names

Texts = Iterator[tuple[str, str | None]]
"""Paths, and what stands there."""


def unknown_variables(spec: TaskSpec) -> list[str]:
    """A sentence for each field and each name in it that is no variable there."""
    found: list[str] = []
    if spec.http is not None:
        found += _told(_http(spec.http), CALL_NAMES)
    if spec.pod is not None:
        short = spec.pod.template is None
        inside = pod_template(spec)["spec"]
        set_here = NAMES | {TARGET} if spec.targets else NAMES
        for kind in ("initContainers", "containers"):
            for n, container in enumerate(inside.get(kind) or ()):
                path = "spec.pod" if short else f"spec.pod.template.spec.{kind}[{n}]"
                found += _container(container, path, set_here)
    for n, notify in enumerate(spec.notify):
        found += _told(_notify(notify, f"spec.notify[{n}]"), NOTICE_NAMES)
    return found


def _told(texts: Iterable[tuple[str, str | None]], known: frozenset[str]) -> Iterator[str]:
    for path, text in texts:
        for name in unknown_names(text or "", known):
            yield f"{path}: $({name}) is no variable that is set here, and stays as it is written; correct the name."


def _http(http: HttpAction) -> Texts:
    yield "spec.http.url", http.url
    yield from _headers(http.headers, "spec.http")
    yield "spec.http.body", http.body


def _notify(notify: Notify, path: str) -> Texts:
    if notify.webhook is not None:
        yield f"{path}.webhook.url", notify.webhook.url
        yield from _headers(notify.webhook.headers, f"{path}.webhook")
    yield f"{path}.subject", notify.subject
    yield f"{path}.body", notify.body


def _headers(headers: Iterable[Header], path: str) -> Texts:
    return ((f"{path}.headers[{n}].value", header.value) for n, header in enumerate(headers))


def _container(container: dict[str, Any], path: str, known: frozenset[str]) -> Iterator[str]:
    """A container may set such names itself; what `envFrom` brings nobody knows."""
    if container.get("envFrom"):
        return
    env = container.get("env") or []
    texts = [(f"{path}.{field}[{n}]", text) for field in ("command", "args") for n, text in _listed(container, field)]
    texts += [(f"{path}.env[{n}].value", each.get("value")) for n, each in enumerate(env)]
    yield from _told(texts, known | {each.get("name") for each in env})


def _listed(container: dict[str, Any], field: str) -> Iterator[tuple[int, str]]:
    return enumerate(container.get(field) or ())
