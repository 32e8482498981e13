"""What a dialect keeps of its client's document, in one annotation of the task. Pure.

Only what has no home in a CronTask goes here (owners, tags, raw texts), in a
shape of the dialect's own. What runs, and when, stands in the spec alone, so that
an edit by kubectl shows through every dialect.
"""

import json
from collections.abc import Mapping
from typing import Any

from crontask_core.names import GROUP
from crontask_gateway.errors import TooLarge

ANNOTATION_DOCUMENT = f"{GROUP}/document"
MAX_DOCUMENT = 65_536
"""Bytes; Kubernetes allows 262,144 for all annotations together, which kubectl shares with us."""


def write(document: Mapping[str, Any]) -> dict[str, str]:
    """The annotation; none for an empty document. Raises TooLarge."""
    if not document:
        return {}
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        length = len(text.encode())
    except UnicodeEncodeError:  # halves of surrogate pairs, which JSON can write and UTF-8 cannot
        text = json.dumps(document, separators=(",", ":"))
        length = len(text)
    if length > MAX_DOCUMENT:
        raise TooLarge(
            f"the document's descriptive fields take {length} bytes; at most {MAX_DOCUMENT} are kept, so shorten them"
        )
    return {ANNOTATION_DOCUMENT: text}


def read(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The document of an object, by its metadata; empty where there is none, or somebody has broken it."""
    text = (metadata.get("annotations") or {}).get(ANNOTATION_DOCUMENT)
    if not text:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
