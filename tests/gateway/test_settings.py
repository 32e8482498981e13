"""Settings from a file and from the environment, and every objection with field, value and remedy."""

from pathlib import Path

import pytest
from fakes.clock import ManualClock
from fakes.dialect import dialect
from fakes.store import MemoryStore

from crontask_core.errors import FieldError
from crontask_gateway.keyring import KeyRing
from crontask_gateway.mounts import enabled, mounted, namespaces
from crontask_gateway.principal import Principal
from crontask_gateway.settings import MountSettings, Settings, TokenSettings, read_settings

FILE = """
metricsAddress: 0.0.0.0:9200
trustedProxies: [10.0.0.0/8]
dialects:
  toy:
    namespace: team-a
    open: true
    rate: {perSecond: 10, burst: 20}
  other:
"""


def written(folder: Path, text: str) -> dict[str, str]:
    path = folder / "gateway.yaml"
    path.write_text(text)
    return {"CRONTASK_GATEWAY_CONFIG": str(path)}


def test_there_are_defaults_for_everything() -> None:
    assert read_settings({}) == Settings()


def test_a_file_is_read(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, FILE))
    toy = settings.dialects["toy"]
    assert (settings.metrics_address, str(settings.trusted_proxies[0])) == ("0.0.0.0:9200", "10.0.0.0/8")
    assert toy.rate is not None
    assert (toy.namespace, toy.open, toy.rate.burst) == ("team-a", True, 20)
    assert settings.dialects["other"] == MountSettings()


def test_variables_stand_above_the_file(tmp_path: Path) -> None:
    told = written(tmp_path, FILE) | {
        "CRONTASK_GATEWAY_METRICS_ADDRESS": "127.0.0.1:1",
        "CRONTASK_GATEWAY_TOY_OPEN": "false",
        "CRONTASK_GATEWAY_TOY_PORT": "8080",
        "CRONTASK_GATEWAY_CRONJOB_ORG_TENANTS": "{a: team-a}",
        "CRONTASK_GATEWAY_REQUEST_SECONDS": "2.5",
        "CRONTASK_GATEWAY_IDENTITY": "007",
        "KUBECONFIG": "/k",
        "HOSTNAME": "pod-1",
        "UNRELATED": "x",
    }
    settings = read_settings(told)
    assert (settings.metrics_address, settings.request_seconds) == ("127.0.0.1:1", 2.5)
    assert (settings.identity, settings.kubeconfig) == ("007", "/k")
    toy = settings.dialects["toy"]
    assert (toy.open, toy.port, toy.namespace) == (False, 8080, "team-a")
    assert settings.dialects["cronjob-org"].tenants == {"a": "team-a"}


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("metricsAddress: here", 'metricsAddress: "here" is no address; write host:port, such as 0.0.0.0:8080'),
        ("metricsAddress: a:99999", 'metricsAddress: "a:99999" is no address'),
        ("metricsAdress: a:1", 'metricsAdress: "a:1" is no setting; remove it, or correct its name'),
        ("requestSeconds: 0", 'requestSeconds: "0" input should be greater than 0; correct it in '),
        ("trustedProxies: [10.0.0.1/8]", 'trustedProxies.0: "10.0.0.1/8" is no network; write one such as 10.0.0.0/8'),
        ("dialects: {toy: {port: 70000}}", 'dialects.toy.port: "70000" input should be less than or equal to 65535'),
        ("dialects: {toy: {prefix: toy}}", 'dialects.toy.prefix: "toy" is no prefix; begin with a slash'),
        ("dialects: {toy: {namespace: A_b}}", 'dialects.toy.namespace: "A_b" is no name'),
        ("dialects: {toy: {tokens: [{name: x}]}}", "dialects.toy.tokens.0.file: "),
        ("dialects: {toy: {token: x}}", 'dialects.toy.token: "x" is no setting'),
        ("dialects: 5", "dialects: "),
        ("dialects: {toy: 5}", 'dialects.toy: "5" '),
        ("- a", "holds no mapping; write fields such as"),
        ("a: [", "is no YAML: line 1 is not"),
        ("logLevel: LOUD", 'logLevel: "LOUD" input should be'),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, text: str, objection: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_settings(written(tmp_path, text))
    assert objection in str(refused.value)


@pytest.mark.parametrize(
    ("told", "objection"),
    [
        ({"CRONTASK_GATEWAY_CONFIG": "/nowhere/x"}, "cannot be read (No such file or directory); name a file"),
        ({"CRONTASK_GATEWAY_NONSENSE": "1"}, "CRONTASK_GATEWAY_NONSENSE"),
        ({"CRONTASK_GATEWAY_TOY_PORT": "x"}, "dialects.toy.port"),
    ],
)
def test_what_cannot_be_used_of_the_environment_is_told(told: dict[str, str], objection: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_settings(told)
    assert objection in str(refused.value)


def settings(**toy: object) -> Settings:
    return Settings.model_validate({"dialects": {"toy": toy}})


@pytest.mark.parametrize(
    ("of", "objection"),
    [
        (Settings(), "names nothing to serve; add one of toy"),
        (settings(enabled=False), "names nothing to serve"),
        (Settings(dialects={"tay": MountSettings(open=True)}), 'dialects: "tay" is no dialect; write toy'),
        (settings(open=True, prefix="/x"), "is served nowhere; set commonAddress"),
        (settings(open=True, port=0), "leaves the dialect without a listener"),
    ],
)
def test_what_cannot_be_served_is_told(of: Settings, objection: str) -> None:
    with pytest.raises(FieldError) as refused:
        enabled(of, [dialect()])
    assert objection in str(refused.value)


def test_a_mount_has_principals_by_their_tokens(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-long-token\n")
    tokens = (
        TokenSettings(name="a", file=str(file)),
        TokenSettings(name="b", file=str(file), tenant="t", rights=frozenset({"read"})),
    )
    mount = MountSettings(namespace="default", tenants={"t": "team-t"}, tokens=tokens)
    clock = ManualClock()
    made = mounted(dialect(), mount, store=MemoryStore(clock), clock=clock, node="gw", version="1", ring=KeyRing())
    assert [each.principal for each in made.deps.access.credentials] == [
        Principal("a", "", "default", key="a"),
        Principal("b", "t", "team-t", frozenset({"read"}), key="b"),
    ]
    assert made.deps.access.find("a-long-token") == Principal("a", "", "default", key="a")
    assert not made.deps.access.open
    assert namespaces([(dialect(), mount)]) == ["default", "team-t"]


@pytest.mark.parametrize(
    ("mount", "objection"),
    [
        (MountSettings(), "lets nobody in; name tokens, write apiKeys: true, or open: true"),
        (MountSettings(tokens=(TokenSettings(name="a", file="SHORT"),)), "holds too short a token"),
        (MountSettings(tokens=(TokenSettings(name="a", file="GONE"),)), "cannot be read (No such file or directory)"),
        (MountSettings(tokens=(TokenSettings(name="a", file="GONE", tenant="x"),)), '"x" is no tenant'),
        (MountSettings(open=True, options={"a": 1}), "dialects.toy.options.a"),
    ],
)
def test_what_a_mount_lacks_is_told(
    mount: MountSettings, objection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("SHORT").write_text("s3cret")
    clock = ManualClock()
    with pytest.raises(FieldError) as refused:
        mounted(dialect(), mount, store=MemoryStore(clock), clock=clock, node="gw", version="1", ring=KeyRing())
    assert objection in str(refused.value)
    assert "s3cret" not in str(refused.value)
