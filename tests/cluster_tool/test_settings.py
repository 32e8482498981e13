"""Settings from the environment, and the names and folders that follow from them."""

from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.paths import CHECKOUT, State, cache_folder
from cluster.settings import Settings

HOME = Path("/home/someone")


def test_nothing_set() -> None:
    settings = Settings.read({}, HOME)
    assert (settings.choice, settings.operators, settings.metrics_port) == ("auto", 1, 9100)
    assert (settings.gateway, settings.gateway_namespace, settings.dialect_ports) == (
        True,
        "default",
        {"dkron": 8080, "cronjob-org": 8090},
    )
    assert settings.state.folder == CHECKOUT / ".cluster"
    assert settings.cache == HOME / ".cache" / "crontask" / "cluster"
    assert settings.apiserver_args == settings.kcm_args == ()


def test_everything_set() -> None:
    settings = Settings.read(
        {
            "CLUSTER": "kind",
            "STATE": "/srv/two",
            "XDG_CACHE_HOME": "/srv/cache",
            "OPERATORS": "0",
            "METRICS_PORT": "0",
            "GATEWAY": "1",
            "GATEWAY_NAMESPACE": "batch",
            "DKRON_PORT": "0",
            "CRONJOB_ORG_PORT": "8091",
            "CLUSTER_WAIT": "5",
            "CLUSTER_KCM_ARGS": "--kube-api-qps=1000 --feature-gates='A=true,B=false'",
            "KIND_IMAGE": "kindest/node:v1",
        },
        HOME,
    )
    assert (settings.choice, settings.operators, settings.metrics_port, settings.wait) == ("kind", 0, 0, 5)
    assert (settings.gateway, settings.gateway_namespace, settings.dialect_ports) == (
        True,
        "batch",
        {"dkron": 0, "cronjob-org": 8091},
    )
    assert settings.state.folder == Path("/srv/two")
    assert settings.cache == Path("/srv/cache/crontask/cluster")
    assert settings.kcm_args == ("--kube-api-qps=1000", "--feature-gates=A=true,B=false")
    assert settings.kind_image == "kindest/node:v1"


def test_empty_is_the_same_as_not_set() -> None:
    empty = dict.fromkeys(("CLUSTER", "STATE", "OPERATORS", "METRICS_PORT", "XDG_CACHE_HOME"), "")
    assert Settings.read(empty, HOME) == Settings.read({}, HOME)


def test_there_is_a_gateway_where_there_is_an_operator_unless_somebody_says_otherwise() -> None:
    assert not Settings.read({"OPERATORS": "0"}, HOME).gateway
    assert Settings.read({"OPERATORS": "0", "GATEWAY": "1"}, HOME).gateway
    assert not Settings.read({"GATEWAY": "0"}, HOME).gateway


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CLUSTER", "minikube", "auto, current, kind, local"),
        ("OPERATORS", "ten", "a number from 0 to 9"),
        ("OPERATORS", "10", "a number from 0 to 9"),
        ("OPERATORS", "-1", "a number from 0 to 9"),
        ("OPERATORS", "²", "a number from 0 to 9"),
        ("METRICS_PORT", "65536", "a number from 0 to 65535"),
        ("GATEWAY", "2", "a number from 0 to 1"),
        ("GATEWAY_NAMESPACE", "Batch", "lower-case letters"),
        ("DKRON_PORT", "http", "a number from 0 to 65535"),
        ("CRONJOB_ORG_PORT", "-1", "a number from 0 to 65535"),
        ("CLUSTER_WAIT", "0", "a number from 1 to 3600"),
        ("CLUSTER_KCM_ARGS", "--a='b", "quote it"),
    ],
)
def test_an_impossible_value_is_named_with_a_remedy(name: str, value: str, remedy: str) -> None:
    with pytest.raises(ClusterError) as error:
        Settings.read({name: value}, HOME)
    assert error.value.code == 2
    assert f"{name}={value!r}" in error.value.sentence
    assert remedy in error.value.sentence


def test_a_relative_cache_folder_is_ignored_as_the_specification_says() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "cache"}, HOME) == HOME / ".cache" / "crontask" / "cluster"


def test_two_state_folders_share_no_name() -> None:
    one, two = State(Path("/a/.cluster")), State(Path("/b/.cluster"))
    assert {one.name, one.link}.isdisjoint({two.name, two.link})
    assert one.name == State(Path("/a/.cluster")).name


def test_a_link_name_fits_into_the_kernels_fifteen_characters() -> None:
    assert len(State(Path("/" + "long" * 500)).link) <= 15
