"""The Leases of the gateway: their names, what stands in them, and how it is read. Pure.

Each replica has one, which tells that it is there and what it has written last;
one more, which nobody holds, bears the switches that all replicas share.
"""

import json
import re
from typing import Any

from crontask_core.names import GROUP, LABEL_LEASE, MAX_OBJECT_NAME, digest, shortened

Object = dict[str, Any]

GATEWAY_LEASE = "crontask-gateway-"
FLAGS_LEASE = "crontask-flags"
"""Bears the switches that all replicas share; nobody holds it."""
KIND = "gateway"
"""What the label `crontask.dev/lease` says on all of them."""
SELECTOR = f"{LABEL_LEASE}={KIND}"
ANNOTATION_WRITTEN = f"{GROUP}/written"
FLAG = f"{GROUP}/flag."
LEASE_SECONDS = 15
"""What a Lease says of itself, for people; replicas go by its existence."""


def lease_name(identity: str) -> str:
    """The name of a replica's Lease; with a digest where the identity could not be an object's name."""
    fit = re.sub(r"[^a-z0-9-]", "-", identity.lower()).strip("-")
    whole = fit if fit == identity else f"{fit}-{digest(identity)}"
    return GATEWAY_LEASE + shortened(whole, MAX_OBJECT_NAME - len(GATEWAY_LEASE))


def lease_body(name: str, marks: dict[str, str], spec: dict[str, Any]) -> Object:
    """The Lease to write."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "labels": {LABEL_LEASE: KIND}, "annotations": marks},
        "spec": spec,
    }


def annotations_of(body: Object) -> dict[str, str]:
    """The annotations of an object."""
    return body["metadata"].get("annotations") or {}


def noted(body: Object) -> dict[str, int]:
    """The versions that a replica has noted; what cannot be read is none."""
    try:
        told = json.loads(annotations_of(body).get(ANNOTATION_WRITTEN) or "{}")
    except ValueError:
        return {}
    return {place: version for place, version in told.items() if type(version) is int} if isinstance(told, dict) else {}
