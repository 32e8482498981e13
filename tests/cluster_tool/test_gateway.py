"""The gateway of `make up`, without a cluster: its ports, its rights, its settings."""

import socket
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster import gateway, ports
from cluster import settings as cluster_settings
from cluster.errors import ClusterError
from cluster.facts import Facts
from cluster.paths import State
from cluster.settings import Settings
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.settings import read_settings

FACTS = Facts("local", gateway=9110, dialects={"dkron": 8081, "cronjob-org": 8091}, jobs="batch")
STATE = State(Path("/c/.cluster"))


def test_a_dialect_keeps_its_port_also_while_the_gateway_is_away(settings: Callable[..., Settings]) -> None:
    first = gateway.plan(settings(DKRON_PORT="0", CRONJOB_ORG_PORT="0"), Facts("local"))
    assert first.dialects["dkron"] > 0
    away = gateway.plan(settings(GATEWAY="0"), first)
    assert (away.gateway, away.dialects) == (0, first.dialects)
    assert gateway.plan(settings(DKRON_PORT="0", CRONJOB_ORG_PORT="0"), away).dialects == first.dialects


def test_a_port_in_use_is_told_at_once_with_its_setting(settings: Callable[..., Settings]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ClusterError, match=r"choose another port with DKRON_PORT=NUMBER") as error:
            gateway.plan(settings(DKRON_PORT=str(port), CRONJOB_ORG_PORT="0"), Facts("local"))
        assert error.value.code == 3
        known = Facts("local", dialects={"dkron": port})
        assert gateway.plan(settings(DKRON_PORT="0", CRONJOB_ORG_PORT="0"), known).dialects["dkron"] != port


def test_the_metrics_get_a_port_that_is_free(settings: Callable[..., Settings]) -> None:
    planned = gateway.plan(settings(DKRON_PORT="0", CRONJOB_ORG_PORT="0"), Facts("local"))
    assert planned.gateway >= 9110
    assert ports.is_free(planned.gateway)


def test_its_rights_are_those_of_the_chart_in_the_namespace_of_the_jobs() -> None:
    bodies = list(yaml.safe_load_all(gateway.rights("batch")))
    assert {(body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]) for body in bodies} == {
        ("ServiceAccount", "crontask-system", "crontask-gateway"),
        ("Role", "batch", "crontask-gateway"),
        ("RoleBinding", "batch", "crontask-gateway"),
        ("Role", "crontask-system", "crontask-gateway-leases"),
        ("RoleBinding", "crontask-system", "crontask-gateway-leases"),
        ("ValidatingAdmissionPolicy", None, "crontask-gateway-leases"),
        ("ValidatingAdmissionPolicyBinding", None, "crontask-gateway-leases"),
    }


def test_its_settings_are_read_by_the_program() -> None:
    env = gateway.environment(STATE, FACTS, {"CRONTASK_GATEWAY_DKRON_RATE": "{perSecond: 5, burst: 9}"})
    read = read_settings(env)
    assert read.kubeconfig == "/c/.cluster/gateway.kubeconfig"
    assert (read.identity, read.metrics_address) == ("crontask-gateway", "127.0.0.1:9110")
    assert (read.host, read.lease_namespace) == ("127.0.0.1", "crontask-system")
    dkron = read.dialects["dkron"]
    assert (dkron.port, dkron.namespace, dkron.open) == (8081, "batch", True)
    assert dkron.rate is not None
    assert dkron.rate.burst == 9


@pytest.mark.parametrize(
    "own",
    [
        {"CRONTASK_GATEWAY_DKRON_TOKENS": "[{name: ci, file: /tokens/ci}]"},
        {"CRONTASK_GATEWAY_DKRON_OPEN": "false"},
    ],
)
def test_who_closes_it_finds_it_closed(own: dict[str, str]) -> None:
    assert not read_settings(gateway.environment(STATE, FACTS, own)).dialects["dkron"].open


def test_a_dialect_whose_clients_show_a_key_has_one_of_its_own(tmp_path: Path) -> None:
    state = State(tmp_path)
    read = read_settings(gateway.environment(state, FACTS, {})).dialects["cronjob-org"]
    assert (read.port, read.open, read.options) == (8091, False, {"limits": False, "perDay": 0})
    assert read.api_keys
    (token,) = read.tokens
    assert Path(token.file) == state.key_file("cronjob-org")
    assert "CRONJOB_ORG_API_KEY" not in gateway.told(state, FACTS)
    gateway.make_keys(state, FACTS)
    key = state.key_file("cronjob-org").read_text()
    assert len(b64decode(key)) == 32
    assert state.key_file("cronjob-org").stat().st_mode & 0o777 == 0o600
    gateway.make_keys(state, FACTS)
    assert gateway.told(state, FACTS) == {
        "DKRON_URL": "http://127.0.0.1:8081",
        "CRONJOB_ORG_URL": "http://127.0.0.1:8091",
        "CRONJOB_ORG_API_KEY": key,
        "GATEWAY_NAMESPACE": "batch",
    }


def test_who_names_keys_of_ones_own_gets_none() -> None:
    own = {"CRONTASK_GATEWAY_CRONJOB_ORG_TOKENS": "[{name: ci, file: /keys/ci}]"}
    read = read_settings(gateway.environment(STATE, FACTS, own)).dialects["cronjob-org"]
    assert ([token.name for token in read.tokens], read.options) == (["ci"], {})


def test_a_configuration_of_ones_own_is_not_opened() -> None:
    env = gateway.environment(STATE, FACTS, {"CRONTASK_GATEWAY_CONFIG": "/gateway.yaml"})
    assert not {name for name in env if name.endswith(("_OPEN", "_TOKENS", "_OPTIONS"))}


def test_every_dialect_has_the_port_of_its_system() -> None:
    assert {dialect.name: dialect.port for dialect in DIALECTS} == cluster_settings.DIALECTS
