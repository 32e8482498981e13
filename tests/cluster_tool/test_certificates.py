"""Certificates and kubeconfigs of a local cluster."""

import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster import certificates, control_plane, files, kubeconfig
from cluster.facts import Facts
from cluster.paths import State


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "pki"
    certificates.write_all(folder, "node-1", ["127.0.0.1", "10.96.0.1"])
    return folder


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_every_certificate_comes_from_the_authority(pki: Path) -> None:
    authority = load(pki / "ca.crt")
    leaves = [file for file in pki.rglob("*.crt") if file.name != "ca.crt"]
    assert len(leaves) == 8
    for leaf in leaves:
        load(leaf).verify_directly_issued_by(authority)
        key = load_pem_private_key(leaf.with_suffix(".key").read_bytes(), None)
        assert key.public_key() == load(leaf).public_key()


def test_the_server_answers_to_its_names_and_addresses(pki: Path) -> None:
    names = load(pki / "apiserver.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.96.0.1"]


@pytest.mark.parametrize(
    ("file", "user", "group"),
    [
        ("admin", "crontask-admin", "system:masters"),
        ("kubelet", "system:node:node-1", "system:nodes"),
        ("scheduler", "system:kube-scheduler", None),
    ],
)
def test_a_client_is_who_kubernetes_expects(pki: Path, file: str, user: str, group: str | None) -> None:
    certificate = load(pki / f"{file}.crt")
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == user
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert [each.value for each in groups] == ([group] if group else [])
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_keys_are_private(pki: Path) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in pki.rglob("*.key")} == {0o600}


def test_a_second_call_changes_nothing(pki: Path) -> None:
    before = {file: file.read_bytes() for file in pki.rglob("*.*")}
    certificates.write_all(pki, "node-1", ["127.0.0.1"])
    assert {file: file.read_bytes() for file in pki.rglob("*.*")} == before


def test_a_call_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("half")
    certificates.write_all(tmp_path, "node-1", ["127.0.0.1"])
    load(tmp_path / "apiserver.crt").verify_directly_issued_by(load(tmp_path / "ca.crt"))


def test_a_kubeconfig_holds_everything_itself(pki: Path) -> None:
    text = kubeconfig.from_pki(pki, "admin", "https://127.0.0.1:6443", name="here")
    document = yaml.safe_load(text)
    assert document["current-context"] == document["contexts"][0]["name"] == "here"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_a_token_takes_the_place_of_the_certificate(pki: Path) -> None:
    admin = kubeconfig.from_pki(pki, "admin", "https://127.0.0.1:6443", name="here")
    text = kubeconfig.with_token(kubeconfig.cluster_of(admin), "abc", name="operator")
    document = yaml.safe_load(text)
    assert document["clusters"][0]["cluster"] == kubeconfig.cluster_of(admin)
    assert document["users"] == [{"name": "operator", "user": {"token": "abc"}}]


def test_a_second_up_keeps_the_namespace_that_the_user_has_chosen(state: State) -> None:
    facts = Facts("local", apiserver=6443)
    control_plane.write_files(state, facts, None)
    document = yaml.safe_load(state.kubeconfig.read_text())
    document["contexts"][0]["context"]["namespace"] = "mine"
    chosen = yaml.safe_dump(document)
    state.kubeconfig.write_text(chosen)
    control_plane.write_files(state, facts, None)
    assert state.kubeconfig.read_text() == chosen


def test_a_kubeconfig_that_leads_elsewhere_is_written_again(state: State) -> None:
    control_plane.write_files(state, Facts("local", apiserver=6443), None)
    elsewhere = state.kubeconfig.read_text()
    for text in (elsewhere, elsewhere.replace("current-context: ", "current-context: not-"), "", "{half"):
        state.kubeconfig.write_text(text)
        control_plane.write_files(state, Facts("local", apiserver=6444), None)
        document = yaml.safe_load(state.kubeconfig.read_text())
        assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6444"
        assert document["current-context"] == state.name


def test_a_private_file_is_left_alone_if_it_says_so_already(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "kubeconfig"
    files.write_private(file, "one")
    first = file.stat()
    files.write_private(file, "one")
    assert file.stat().st_ino == first.st_ino
    files.write_private(file, "two")
    assert file.read_text() == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["kubeconfig"]
