"""Every dialect has the same files, with the same names in them, used in the same way (`dialects/README.md`)."""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from crontask_gateway import dialects
from crontask_gateway.dialects import DIALECTS
from crontask_gateway.dialects.shape import Dialect

FOLDER = Path(dialects.__file__).parent
FILES = (
    "__init__.py", "README.md", "auth.py", "endpoints.py", "errors.py", "extras.py", "routes.py", "schedule.py",
    "translate.py", "wire.py",
)  # fmt: skip
SIGNATURES = {
    ("auth", "check"): ("facts: Facts", "access: Access", "now: datetime", "-> Principal"),
    ("errors", "render"): ("error: GatewayError", "-> Reply"),
    ("schedule", "read"): None,
    ("schedule", "write"): None,
    ("translate", "to_task"): None,
    ("translate", "to_change"): None,
    ("translate", "from_task"): None,
    ("translate", "from_execution"): None,
}
"""Functions of each dialect by module; with their signature where it must be this one."""
WIRE = ("JobIn", "JobOut", "ExecutionOut")


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


def module(dialect: Dialect, name: str = "") -> ModuleType:
    package = f"{dialects.__name__}.{dialect.name.replace('-', '_')}"
    return importlib.import_module(f"{package}.{name}" if name else package)


def test_every_package_is_a_dialect() -> None:
    packages = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert packages == {dialect.name.replace("-", "_") for dialect in DIALECTS}
    assert packages


def test_each_has_the_ten_files(dialect: Dialect) -> None:
    folder = FOLDER / dialect.name.replace("-", "_")
    assert [name for name in FILES if not (folder / name).is_file()] == []


def test_each_offers_the_same_names(dialect: Dialect) -> None:
    assert module(dialect).DIALECT is dialect
    assert module(dialect, "routes").ROUTES is dialect.routes
    assert dialect.authenticate is module(dialect, "auth").check
    assert dialect.render is module(dialect, "errors").render
    for (name, function), wanted in SIGNATURES.items():
        signature = inspect.signature(getattr(module(dialect, name), function))
        if wanted is not None:
            told = (*(f"{each.name}: {each.annotation.__name__}" for each in signature.parameters.values()),)
            assert (*told, f"-> {signature.return_annotation.__name__}") == wanted
    for name in WIRE:
        assert hasattr(getattr(module(dialect, "wire"), name), "from_json" if name == "JobIn" else "to_json")


def test_every_endpoint_has_a_route_and_is_alike(dialect: Dialect) -> None:
    endpoints = module(dialect, "endpoints")
    public = {
        name
        for name, found in vars(endpoints).items()
        if inspect.isfunction(found) and found.__module__ == endpoints.__name__ and not name.startswith("_")
    }
    assert public == {getattr(route.endpoint, "__name__", "") for route in dialect.routes}
    for name in public:
        function = getattr(endpoints, name)
        assert inspect.iscoroutinefunction(function), name
        assert list(inspect.signature(function).parameters) == ["request"], name
        assert function.__doc__, name
        lines, _ = inspect.getsourcelines(function)
        assert len(lines) <= 20, f"{name} has {len(lines)} lines; move what decides into a pure function"


def test_each_route_says_where_it_is_documented(dialect: Dialect) -> None:
    assert [route.path for route in dialect.routes if not route.section] == []
    assert [route.path for route in dialect.routes if route.coverage != "full" and not route.note] == []
    lines = [(route.method, route.path) for route in dialect.routes]
    assert len(set(lines)) == len(lines)


def test_no_dialect_knows_the_server_the_cluster_or_another_dialect(dialect: Dialect) -> None:
    own = f"{dialects.__name__}.{dialect.name.replace('-', '_')}"
    allowed = (own, f"{dialects.__name__}.shape")
    for path in (FOLDER / dialect.name.replace("-", "_")).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(("uvicorn", "starlette", "crontask_kube", "crontask_operator")), path
                assert not name.startswith(dialects.__name__) or name.startswith(allowed), path
