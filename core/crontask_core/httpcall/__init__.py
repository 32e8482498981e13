"""One HTTP call as values: what is to be sent, what happened, and what that means.

`build_request` turns an HttpAction, the attempt's names and the Secrets it refers
to into an HttpRequest; the operator's HTTP executor answers with CallFacts; `judge`
makes an AttemptResult of both. Reading Secrets (`secret_refs` says which),
sending, retrying and recording are for others.
"""

from crontask_core.httpcall.build import build_request, check_action
from crontask_core.httpcall.judge import judge, refused
from crontask_core.httpcall.pattern import body_matches
from crontask_core.httpcall.secrets import secret_refs
from crontask_core.httpcall.values import (
    AttemptResult,
    CallError,
    CallFacts,
    HttpRequest,
    PhaseSeconds,
    Reason,
    SecretError,
    SuccessRule,
    TlsSettings,
    UrlError,
)

__all__ = [
    "AttemptResult",
    "CallError",
    "CallFacts",
    "HttpRequest",
    "PhaseSeconds",
    "Reason",
    "SecretError",
    "SuccessRule",
    "TlsSettings",
    "UrlError",
    "body_matches",
    "build_request",
    "check_action",
    "judge",
    "refused",
    "secret_refs",
]
