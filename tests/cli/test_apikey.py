"""`kubectl crontask apikey`, on a fake API server."""

import re
from collections.abc import Callable

import pytest
from fakes.apiserver import FakeApiServer

from crontask_core.api_keys import digest_of, read_secret
from crontask_kube.resources import SECRETS

Run = Callable[..., tuple[int, str, str]]
Ask = Callable[..., tuple[int, str, str]]
NAMESPACE = "crontask-system"


@pytest.fixture
def apikey(program: Run, kubeconfig: str) -> Ask:
    """Runs `kubectl crontask apikey VERB …` on the cluster."""

    def ask(verb: str, *arguments: str) -> tuple[int, str, str]:
        return program("apikey", verb, *arguments, "--kubeconfig", kubeconfig)

    return ask


def test_a_key_is_shown_once_and_kept_as_a_hash(apikey: Ask, cluster: FakeApiServer) -> None:
    code, out, err = apikey("create", "ci", "--dialect", "cronjob-org")
    assert code == 0
    key = out.removesuffix("\n")
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", key)
    assert "only time" in err
    secret = cluster.object(SECRETS, "ci", NAMESPACE)
    assert key not in str(secret)
    assert read_secret(secret).digest == digest_of(key)
    assert key not in apikey("list")[1]


def test_quiet_prints_the_key_alone_and_another_one_each_time(apikey: Ask) -> None:
    first, second = (apikey("create", name, "--dialect", "cronjob-org", "-q")[1] for name in ("a", "b"))
    assert len(first) == len(second) == 45
    assert first != second


def test_a_list_tells_all_but_the_key(apikey: Ask, cluster: FakeApiServer) -> None:
    assert apikey("list")[1] == f"No API keys in namespace {NAMESPACE}.\n"
    apikey("create", "plain", "--dialect", "dkron")
    limits = [
        "--address",
        "192.0.2.7",
        "--address",
        "2001:db8::/32",
        "--per-day",
        "0",
        "--right",
        "read",
        "--right",
        "run",
    ]
    apikey("create", "limited", "--dialect", "cronjob-org", "--owner", "shop", *limits)
    cluster.put(
        SECRETS,
        {
            "metadata": {"name": "odd", "namespace": NAMESPACE, "labels": {"crontask.dev/api-key": "dkron"}},
            "type": "crontask.dev/api-key",
        },
        NAMESPACE,
    )
    head, limited, odd, plain = apikey("list")[1].splitlines()
    assert head.split() == ["NAME", "DIALECT", "OWNER", "ADDRESSES", "PER-DAY", "RIGHTS", "ENABLED", "AGE"]
    assert limited.split()[:-1] == [
        "limited",
        "cronjob-org",
        "shop",
        "192.0.2.7/32,2001:db8::/32",
        "any",
        "read,run",
        "yes",
    ]
    assert plain.split()[:-1] == ["plain", "dkron", "any", "default", "read,write,run", "yes"]
    assert odd.startswith("odd")
    assert "is no SHA-256" in odd


def test_a_key_is_disabled_enabled_and_revoked(apikey: Ask, cluster: FakeApiServer) -> None:
    apikey("create", "ci", "--dialect", "cronjob-org")
    assert apikey("disable", "ci") == (0, "The key ci is disabled.\n", "")
    assert not read_secret(cluster.object(SECRETS, "ci", NAMESPACE)).enabled
    assert apikey("enable", "ci") == (0, "The key ci is enabled.\n", "")
    assert read_secret(cluster.object(SECRETS, "ci", NAMESPACE)).enabled
    assert apikey("revoke", "ci") == (0, "The key ci is revoked.\n", "")
    code, out, err = apikey("revoke", "ci")
    assert (code, out) == (1, "")
    assert f"there is no API key ci in namespace {NAMESPACE}" in err


def test_another_namespace_by_the_option(apikey: Ask, cluster: FakeApiServer) -> None:
    assert apikey("create", "ci", "--dialect", "dkron", "-n", "ops")[0] == 0
    assert cluster.object(SECRETS, "ci", "ops")["metadata"]["namespace"] == "ops"
    assert "ci" in apikey("list", "-n", "ops")[1]


def test_what_is_there_is_not_overwritten_and_no_other_secret_is_touched(apikey: Ask, cluster: FakeApiServer) -> None:
    cluster.put(
        SECRETS, {"metadata": {"name": "smtp", "namespace": NAMESPACE}, "data": {"password": "eA=="}}, NAMESPACE
    )
    before = cluster.object(SECRETS, "smtp", NAMESPACE)
    code, out, err = apikey("create", "smtp", "--dialect", "dkron")
    assert (code, out) == (1, "")
    assert "there is a Secret smtp" in err
    for verb in ("revoke", "disable", "enable"):
        code, _, err = apikey(verb, "smtp")
        assert code == 1
        assert "is no API key; nothing was changed" in err
    assert cluster.object(SECRETS, "smtp", NAMESPACE) == before


@pytest.mark.parametrize(
    ("arguments", "objection"),
    [
        (("--dialect", "A B"), "is no dialect's name"),
        (("--dialect", "dkron", "--owner", "a b"), 'owner: "a b" cannot be a label'),
        (("--dialect", "dkron", "--address", "nowhere"), 'addresses: "nowhere" is no address'),
        (("--dialect", "dkron", "--per-day", "x"), 'perDay: "x" is no number of requests'),
        (("--dialect", "dkron", "--right", "own"), 'rights: "own" is no right'),
        (("--dialect", "dkron", "--owner", ""), "argument --owner: is empty"),
        (("--dialect", "dkron", "--per-day", ""), "argument --per-day: is empty"),
        (("--dialect", "dkron", "--address", ""), "argument --address: is empty"),
        (("--dialect", "dkron", "--owner", "k" * 70), 'owner: "…" cannot be a label'),
    ],
)
def test_wrong_use_is_told_before_anything_is_made(
    arguments: tuple[str, ...], objection: str, apikey: Ask, cluster: FakeApiServer
) -> None:
    code, out, err = apikey("create", "ci", *arguments)
    assert (code, out) == (2, "")
    assert objection in err
    assert apikey("list")[1].startswith("No API keys")
