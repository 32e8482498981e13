"""Credentials in the config of executors that are not ours: kept in the job's Secret, shown masked.

A value is one where its key is named so; of a URL the user is one. The pod finds each
in a variable `DKRON_CONFIG_<key>`, whether or not it can use it.
"""

import re

from crontask_gateway.dialects.dkron.actions.values import MASK, Action, Body
from crontask_gateway.dialects.dkron.members import Config, Scalar, text_of
from crontask_gateway.dialects.dkron.wire import JobIn
from crontask_gateway.texts import key_of, names_credential

_LISTS = ("headers",)
"""Settings whose value names several things, any of which may be a credential."""
_USER = re.compile(r"(?<=//)[^/?#]+@")
_NO_NAME = re.compile(r"[^ -<>-~]")


def masked_config(config: Config) -> Config:
    """The config as it may be kept in an annotation, shown, and given to a pod."""
    return {key: _shown(key, value) for key, value in config.items()}


def with_secrets(fields: Body, job: JobIn, secret: str) -> Action:
    """The action with its credentials apart, and a variable for each of them in its short-form pod."""
    made = Action(fields)
    env = fields["pod"].setdefault("env", [])
    for key, value in (job.executor_config or {}).items():
        credential = _credential(key, value)
        name = key_of("config", key)
        variable = f"DKRON_CONFIG_{_NO_NAME.sub('_', key)[:200]}"
        if not credential or name in made.secrets.keys() | made.kept or variable in {each["name"] for each in env}:
            continue
        if credential == MASK:
            made.kept.add(name)
        else:
            made.secrets[name] = credential.encode()
        env.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}})
    return made


def _credential(key: str, value: Scalar) -> str:
    """What of a value is a credential: all of it, the user of a URL, or nothing."""
    if _is_credential(key, value):
        return text_of(value)
    found = _USER.search(value) if isinstance(value, str) else None
    return found[0].removesuffix("@") if found else ""


def _is_credential(key: str, value: Scalar) -> bool:
    return names_credential(key) or (key in _LISTS and (value == MASK or names_credential(text_of(value))))


def _shown(key: str, value: Scalar) -> Scalar:
    if _is_credential(key, value):
        return MASK if text_of(value) else value
    return _USER.sub(f"{MASK}@", value, count=1) if isinstance(value, str) else value
