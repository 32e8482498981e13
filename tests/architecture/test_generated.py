"""Generated files are what their sources make of them, and the generator says so when they are not."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("generate")


@pytest.mark.timeout(120)
def test_every_generated_file_is_fresh() -> None:
    run = subprocess.run(
        [sys.executable, "tools/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def test_check_names_what_differs_and_writes_nothing(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    same, stale, missing = tmp_path / "same", tmp_path / "stale", tmp_path / "new" / "missing"
    same.write_text("right")
    stale.write_text("wrong")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "files", lambda: {same: "right", stale: "right", missing: "right"})
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == ["differs: stale", "differs: new/missing"]
    assert stale.read_text() == "wrong"
    assert not missing.exists()
    assert generate.main([]) == 0
    assert (stale.read_text(), missing.read_text()) == ("right", "right")
    assert generate.main(["--check"]) == 0


def documents(name: str) -> list[dict[str, object]]:
    return list(yaml.safe_load_all((ROOT / "deploy" / name).read_text("utf-8")))


def test_install_creates_what_the_rest_needs_first() -> None:
    kinds = [str(body["kind"]) for body in documents("install.yaml")]
    assert kinds[:3] == ["Namespace", "CustomResourceDefinition", "CustomResourceDefinition"]
    assert kinds[-2:] == ["Deployment", "Service"]


def test_rbac_is_install_without_crds_and_programs() -> None:
    left_out = {"CustomResourceDefinition", "Deployment", "Service"}
    wanted = [body for body in documents("install.yaml") if body["kind"] not in left_out]
    assert documents("rbac.yaml") == wanted
    assert len(wanted) > 10


def test_the_gateways_manifests_are_those_of_the_chart_beside_install_and_let_nobody_in_without_a_token() -> None:
    gateway, install = documents("gateway.yaml"), documents("install.yaml")
    assert [str(body["kind"]) for body in gateway] == [
        *("ServiceAccount", "Role", "RoleBinding", "Role", "RoleBinding"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        *("ConfigMap", "Deployment", "Service", "Service"),
    ]
    assert [body for body in gateway if body in install] == []
    (settings,) = [body for body in gateway if body["kind"] == "ConfigMap"]
    data: Any = settings["data"]
    dkron = yaml.safe_load(data["gateway.yaml"])["dialects"]["dkron"]
    assert (dkron["open"], [token["name"] for token in dkron["tokens"]]) == (False, ["client"])
