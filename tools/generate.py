"""Writes every file that is made from another: `python tools/generate.py`, or `--check` to see what differs.

The models give `crds/` (and the chart's copy) and the tables of `docs/crontask.md`;
the chart gives `deploy/install.yaml` (for people without Helm), `deploy/rbac.yaml`
(the same without the Deployment, for an operator outside the cluster),
`deploy/webhook.yaml` (the webhook's configuration for such an operator),
`deploy/tokens.yaml` (its right to make tokens of ServiceAccounts) and
`deploy/gateway.yaml` (the gateway, which is not part of the others). A dialect's
routes give the table of coverage in its README. `--check` writes nothing, names the files that
differ and exits 1.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import yaml

from crontask_core.crd import RESOURCES, crd
from crontask_gateway import dialects
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.dialects.shape import Dialect
from crontask_gateway.openapi import coverage
from field_reference import reference

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "crontask"
RELEASE = "crontask"
NAMESPACE = "crontask-system"
WEBHOOK = {"webhook": {"enabled": True, "url": "https://127.0.0.1:9443"}}
"""An operator on the API server's own machine; `tools/cluster` puts the port and the authority in."""
TOKENS = {"serviceAccountTokens": {"enabled": True}}
GATEWAY = {
    "gateway": {
        "enabled": True,
        "tokensSecret": "crontask-gateway-tokens",
        "dialects": {
            "dkron": {"tokens": [{"name": "client", "file": "/etc/crontask/tokens/client"}]},
            "cronjob-org": {"enabled": True, "apiKeys": True},
        },
    }
}
"""Closed but for who has the token that is the key `client` of a Secret, or an API key."""
COVERAGE_BEGIN, COVERAGE_END = "<!-- made by tools/generate.py from routes.py -->", "<!-- end -->"
NOTICE = "# Made by tools/generate.py from {}; edit that, not this.\n"

_NAMESPACE_BODY = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/name: crontask
    app.kubernetes.io/instance: {RELEASE}
    pod-security.kubernetes.io/enforce: restricted
"""
_IDENTITY_KINDS = frozenset(
    {
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "FlowSchema",
    }
)


def crd_files() -> dict[str, str]:
    """File name → text of each CRD."""
    notice = NOTICE.format("core/crontask_core/model")
    return {f"{resource.kind.plural}.yaml": notice + _yaml(crd(resource)) for resource in RESOURCES}


def _yaml(body: object) -> str:
    return yaml.safe_dump(body, sort_keys=False, width=120, allow_unicode=True)


def rendered(values: dict[str, Any] | None = None) -> Iterator[str]:
    """Each object of the chart, rendered with its default values but for these, as text with its comments."""
    with helm_python.Chart.load(str(CHART)) as chart:
        templates = chart.render(values or {}, name=RELEASE, namespace=NAMESPACE)
    for name in sorted(name for name in templates if name.endswith(".yaml")):
        for document in templates[name].split("\n---\n"):
            if document.strip():
                yield document.strip("\n") + "\n"


def _kind(document: str) -> str:
    kind: str = yaml.safe_load(document)["kind"]
    return kind


def files() -> dict[Path, str]:
    """Every generated file with the text that it should hold."""
    crds = crd_files()
    chart = list(rendered())
    identity = [document for document in chart if _kind(document) in _IDENTITY_KINDS]
    webhook = [document for document in rendered(WEBHOOK) if _kind(document) == "ValidatingWebhookConfiguration"]
    tokens = [document for document in rendered(TOKENS) if "\n  name: crontask-operator-tokens\n" in document]
    gateway = [document for document in rendered(GATEWAY) if document not in chart]
    gateway.sort(key=lambda document: _kind(document) not in _IDENTITY_KINDS)
    rest = [document for document in chart if document not in identity]
    notice = NOTICE.format("charts/crontask")
    return {
        **{ROOT / "crds" / name: text for name, text in crds.items()},
        **{CHART / "crds" / name: text for name, text in crds.items()},
        ROOT / "deploy" / "rbac.yaml": notice + "---\n".join([_NAMESPACE_BODY, *identity]),
        ROOT / "deploy" / "install.yaml": notice + "---\n".join([_NAMESPACE_BODY, *crds.values(), *identity, *rest]),
        ROOT / "deploy" / "webhook.yaml": notice + "---\n".join(webhook),
        ROOT / "deploy" / "tokens.yaml": notice + "---\n".join(tokens),
        ROOT / "deploy" / "gateway.yaml": notice + "---\n".join(gateway),
        ROOT / "docs" / "crontask.md": reference(),
        **dict(coverage_of(dialect) for dialect in DIALECTS),
    }


def coverage_of(dialect: Dialect) -> tuple[Path, str]:
    """A dialect's README, with the table of its routes in place of what is between the two marks."""
    path = Path(dialects.__file__).parent / dialect.name.replace("-", "_") / "README.md"
    before, rest = path.read_text("utf-8").split(COVERAGE_BEGIN)
    table = ["| Endpoint | What it does | Section | Coverage | Remarks |", "| --- | --- | --- | --- | --- |"]
    for method, route, *cells in coverage(dialect.routes):
        table.append(f"| `{method} {route}` | {' | '.join(cells)} |".replace("|  |", "| |"))
    return path, "\n".join([before + COVERAGE_BEGIN, *table, COVERAGE_END + rest.split(COVERAGE_END)[1]])


def differing(wanted: dict[Path, str]) -> list[Path]:
    """The files whose text is not the wanted one, missing ones included."""
    return [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write, or with `--check` only compare; the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated files of this repository.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")
    check: bool = parser.parse_args(arguments).check
    wanted = files()
    changed = differing(wanted)
    for path in changed:
        print(f"{'differs' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
    if check and changed:
        print("run `python tools/generate.py` and commit the result")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
