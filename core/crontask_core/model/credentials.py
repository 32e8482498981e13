"""Credentials by reference: Secrets and ServiceAccounts of the task's namespace. None stands in a spec."""

from typing import Annotated

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, rules, shaped
from crontask_core.model.borrowed import MAX_NAME

SecretName = Annotated[
    str,
    shaped(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "the name of a Secret holds only lower-case letters, digits, - and .; write the name of an existing Secret",
        longest=MAX_NAME,
    ),
]
SecretKey = Annotated[
    str,
    shaped(
        r"^[-._a-zA-Z0-9]+$",
        "a key of a Secret holds only letters, digits, -, _ and .; write one of the Secret's keys",
        longest=MAX_NAME,
    ),
]


class SecretKeyRef(Model):
    """One key of a Secret in the task's namespace."""

    name: SecretName
    """The name of the Secret."""

    key: SecretKey
    """The key within the Secret."""


class BasicAuth(Model):
    """User name and password from a Secret (as in type kubernetes.io/basic-auth)."""

    secret_name: SecretName
    """The name of the Secret."""

    username_key: SecretKey = "username"
    """The key that holds the user name."""

    password_key: SecretKey = "password"  # noqa: S105 - the name of a Secret's key, not a password
    """The key that holds the password."""


class BearerAuth(Model):
    """A bearer token from a Secret."""

    secret_name: SecretName
    """The name of the Secret."""

    key: SecretKey = "token"
    """The key that holds the token."""


class ServiceAccountToken(Model):
    """A short-lived token of a ServiceAccount in the task's namespace, made for each attempt."""

    service_account_name: SecretName = "default"
    """The name of the ServiceAccount."""

    audience: str = Field(min_length=1, max_length=253)
    """Whom the token is for; the receiver must check that this is its own name."""


class Auth(Model):
    """Credentials of the call, by reference to Secrets in the task's namespace."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.basic), has(self.bearer), has(self.serviceAccountToken)].filter(way, way).size() == 1",
                "set exactly one of basic, bearer and serviceAccountToken",
            )
        )
    )

    basic: BasicAuth | None = None
    """HTTP Basic (RFC 7617)."""

    bearer: BearerAuth | None = None
    """Bearer token (RFC 6750)."""

    service_account_token: ServiceAccountToken | None = None
    """Bearer token of a ServiceAccount, with an audience; needs the operator's right to make such tokens."""
