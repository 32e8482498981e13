"""Free ports and subnets, and what happens where somebody else has them."""

import ipaddress
import os
import socket
from pathlib import Path

import pytest

from cluster import ports
from cluster.errors import ClusterError
from cluster.network import Network
from cluster.ports import Holder


def free_but(*taken: int) -> ports.IsFree:
    return lambda port: port not in taken


def test_a_free_port_stays() -> None:
    assert ports.promised(9100, "METRICS_PORT", free_but()) == 9100


def test_another_cluster_of_ours_is_made_room_for() -> None:
    ours = Holder(7, "crontask-operator", is_crontask=True)
    assert ports.promised(9100, "METRICS_PORT", free_but(9100, 9101), lambda _port: ours) == 9102


@pytest.mark.parametrize(
    ("holder", "told"),
    [(Holder(7, "nginx", is_crontask=False), "nginx (process 7)"), (None, "another program")],
)
def test_a_foreign_program_is_an_error_that_names_it(holder: Holder | None, told: str) -> None:
    with pytest.raises(ClusterError) as error:
        ports.promised(9100, "METRICS_PORT", free_but(9100), lambda _port: holder)
    assert error.value.code == 3
    assert error.value.sentence == (
        f"Port 9100 on 127.0.0.1 is in use by {told}: stop it, or choose another port with METRICS_PORT=NUMBER."
    )


def test_the_holder_of_a_port_is_found() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        holder = ports.holder_of(port)
    assert holder is not None
    assert f"(process {os.getpid()})" in holder.text
    assert not holder.is_crontask
    assert ports.is_free(port)
    assert ports.holder_of(port) is None


def test_where_there_is_no_proc_nobody_is_found(tmp_path: Path) -> None:
    assert ports.holder_of(9100, tmp_path) is None


def test_free_ports_differ() -> None:
    assert len(set(ports.free_ports(20))) == 20


def test_the_next_free_port_is_looked_for_within_bounds() -> None:
    assert ports.next_free(8099, free_but(8099, 8100)) == 8101
    with pytest.raises(ClusterError, match="No port from 65500"):
        ports.next_free(65500, lambda _port: False)


def test_a_subnet_avoids_what_the_machine_has() -> None:
    first = ports.choose_subnet("00000000", [])
    assert ports.choose_subnet("00000000", []) == first
    second = ports.choose_subnet("00000000", [first.replace("0.0/16", "7.0/24")])
    assert not ipaddress.ip_network(first).overlaps(ipaddress.ip_network(second))


def test_different_keys_start_at_different_subnets() -> None:
    assert ports.choose_subnet("00000001", []) != ports.choose_subnet("00000002", [])


def test_a_machine_that_has_all_of_ten_gets_an_error_with_a_remedy() -> None:
    with pytest.raises(ClusterError, match="remove a route"):
        ports.choose_subnet("00000000", ["10.0.0.0/8"])


@pytest.mark.parametrize("key", ["00000000", "ffffffff", "12345678"])
def test_the_parts_of_a_subnet_do_not_meet(key: str) -> None:
    subnet = ports.choose_subnet(key, [])
    net = Network(subnet)
    pods, services = ipaddress.ip_network(net.pods), ipaddress.ip_network("10.96.0.0/12")
    assert pods.subnet_of(ipaddress.ip_network(subnet))
    assert ipaddress.ip_address(net.host) not in pods
    assert ipaddress.ip_address(net.node) not in pods
    assert net.host != net.node
    assert not services.overlaps(ipaddress.ip_network(subnet))
    assert pods.num_addresses > 30_000
