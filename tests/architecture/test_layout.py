"""What the repository's layout must never become (docs/decisions/0001-layout.md)."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pattern", ["__init__.py", "conftest.py", "test_*.py", "*_test.py"])
def test_the_operator_folder_is_no_package_and_holds_no_tests(pattern: str) -> None:
    """A package or a test root called `operator` would shadow Python's own module."""
    folder = ROOT / "operator"
    assert (folder / "crontask_operator" / "__init__.py").is_file(), "the folder has moved: this test looks at nothing"
    assert list(folder.glob(pattern)) == []
