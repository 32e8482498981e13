"""What is written to a file from now on, line by line; only whole lines are read, and each of them once."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
LONGEST_LINE = 1 << 20


class Tail(Generic[T]):
    """The end of a growing file; `parse` makes a value of a line, or None of one that does not matter."""

    def __init__(self, path: Path, parse: Callable[[bytes], T | None]) -> None:
        self._path, self._parse = path, parse
        self._offset = _after_the_last_line(path) if path.exists() else 0
        self._found: list[T] = []

    def read(self) -> list[T]:
        """All values so far, in order."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if line.endswith(b"\n"):
                        self._take(line)
        return self._found

    def _take(self, line: bytes) -> None:
        self._offset += len(line)
        value = self._parse(line)
        if value is not None:
            self._found.append(value)


def _after_the_last_line(path: Path) -> int:
    """Where the next whole line begins; its writer may just be in the middle of one, which then counts as to come."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LONGEST_LINE))
        end = file.read()
    return size - len(end) + end.rfind(b"\n") + 1
