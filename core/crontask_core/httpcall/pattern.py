"""Expressions that an answer's body or an output must match, in RE2: no backtracking, a bounded program.

RE2's time is linear in the body, but also in the size of the compiled program:
`a.{900}c` takes half a minute for a mebibyte. So programs are bounded here, bodies by
`HttpRequest.keep_bytes`, and the executor matches in a thread.
"""

from functools import lru_cache
from typing import Any

import re2

from crontask_core.errors import FieldError
from crontask_core.httpcall.values import HttpRequest

MAX_STEPS = 2000
"""Of a compiled expression: enough for two hundred literal characters, or one class of all letters."""
_PATH = "spec.http.success.bodyRegex"


def check_pattern(text: str, path: str = _PATH) -> None:
    """Raises FieldError for an expression that RE2 does not read, or that is too complex to be run on every answer."""
    try:
        steps = _compiled(text).programsize
    except re2.error as error:
        detail = b"".join(error.args).decode(errors="replace")
        remedy = "write a regular expression in the syntax of RE2"
        raise FieldError(path, text, f"is no such expression ({detail})", remedy) from error
    if steps > MAX_STEPS:
        remedy = "shorten it, mainly its repetitions such as {900}"
        raise FieldError(path, text, f"is too complex ({steps} steps, at most {MAX_STEPS})", remedy)


def body_matches(request: HttpRequest, body: bytes) -> bool | None:
    """Whether `body` holds what the request's success rule wants; None where it wants nothing. May take a second."""
    regex = request.success.body_regex
    return None if regex is None else _compiled(regex).search(body) is not None


def found(pattern: str, text: str) -> bool:
    """Whether `text` holds what the expression describes; bounded by `effort`."""
    return _compiled(pattern).search(text.encode()) is not None


def effort(pattern: str, text: str) -> int:
    """How much `found` may have to do at most, in steps of some nanoseconds."""
    return int(_compiled(pattern).programsize) * len(text)


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(text, options)
