"""The kinds that CronTask talks to the API server about, and their URL paths.

Paths follow the Kubernetes API conventions: the core group is under `/api`, all
others under `/apis`. Parts are escaped, so that no name leads to another object.
"""

from dataclasses import dataclass
from urllib.parse import quote

from crontask_core import names


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of an object, or of a collection where `name` is None; no namespace means all of them.

        Raises ValueError for a part that can be no name ("", ".", "..").
        """
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace is not None and self.namespaced:
            path += f"/namespaces/{_part(namespace)}"
        path += f"/{self.plural}"
        if name is not None:
            path += f"/{_part(name)}"
        return f"{path}/{subresource}" if subresource else path


def _part(text: str) -> str:
    if text in {"", ".", ".."}:
        raise ValueError(f'"{text}" is no name of an object or namespace')
    return quote(text, safe="")


TASKS = Resource(names.GROUP, names.VERSION, names.TASK.plural)
EXECUTIONS = Resource(names.GROUP, names.VERSION, names.EXECUTION.plural)
GROUPS = Resource(names.GROUP, names.VERSION, names.GROUP_KIND.plural)
TARGETS = Resource(names.GROUP, names.VERSION, names.TARGET.plural)
CALENDARS = Resource(names.GROUP, names.VERSION, names.CALENDAR.plural)
PODS = Resource("", "v1", "pods")
SECRETS = Resource("", "v1", "secrets")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts")
EVENTS = Resource("events.k8s.io", "v1", "events")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
NODES = Resource("", "v1", "nodes", namespaced=False)


def is_later(version: str, than: str) -> bool:
    """Whether a resourceVersion is of a later moment than another one of the same kind; true where nobody can say.

    Kubernetes documents them as numbers that may be compared since 1.35; they always were (KEP 5504).
    """
    return not (version.isdecimal() and than.isdecimal()) or int(version) > int(than)
