"""What is not a job: folders and the numbers of jobs, as notes of an account; where calls come from. Pure.

Folders are newer than the document (2026-06); the service's sources say how they behave.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crontask_gateway.dialects.cronjob_org.values import text
from crontask_gateway.dialects.cronjob_org.wire import body_of
from crontask_gateway.errors import Conflict, Invalid, TooMany, Unknown

Note = dict[str, Any]
IDS, FOLDERS = "ids", "folders"
"""The names of notes."""
MAX_TITLE = 128
"""Characters."""
MAX_FOLDERS = 500
_BYTES = 512


def next_id(note: Note, taken: Iterable[int]) -> Note:
    """The note after another job has got its number, which is in `last`; no number is given twice."""
    return {"last": max(_number(note, "last"), *taken, 0) + 1}


def title_of(body: bytes) -> str:
    """The title in the body of a request about a folder. Raises Invalid."""
    folder = body_of(body).get("folder")
    if not isinstance(folder, Mapping) or folder.get("title") is None:
        raise Invalid(
            'the body holds no folder.title; send {"folder": {"title": "..."}} with Content-Type: application/json',
            "folder",
        )
    title = text(folder["title"], "folder.title", _BYTES).strip()
    if not title or len(title) > MAX_TITLE:
        raise Invalid(f"folder.title has {len(title)} characters; write 1 to {MAX_TITLE}", "folder.title")
    return title


def folders(note: Note) -> list[dict[str, Any]]:
    """All folders, by title."""
    found = [{"folderId": ident, "title": title} for ident, title in _titles(note).items()]
    return sorted(found, key=lambda each: (str(each["title"]).casefold(), each["folderId"]))


def folder(note: Note, ident: int) -> dict[str, Any]:
    """One folder. Raises Unknown."""
    if ident not in (titles := _titles(note)):
        raise Unknown(f"there is no folder {ident}")
    return {"folderId": ident, "title": titles[ident]}


def created(note: Note, title: str) -> Note:
    """With another folder, whose number is `last`. Raises Conflict, TooMany."""
    titles = _titles(note)
    _check(titles, title, 0)
    if len(titles) >= MAX_FOLDERS:
        raise TooMany(f"there are {len(titles)} folders; at most {MAX_FOLDERS} are kept, so delete some", 60.0)
    ident = max(_number(note, "last"), *titles, 0) + 1
    return _note(titles | {ident: title}, ident)


def renamed(note: Note, ident: int, title: str) -> Note:
    """With another title for a folder. Raises Unknown, Conflict."""
    folder(note, ident)
    titles = _titles(note)
    _check(titles, title, ident)
    return _note(titles | {ident: title}, _number(note, "last"))


def deleted(note: Note, ident: int) -> Note:
    """Without a folder. Raises Unknown."""
    folder(note, ident)
    return _note({each: title for each, title in _titles(note).items() if each != ident}, _number(note, "last"))


def _check(titles: Mapping[int, str], title: str, own: int) -> None:
    if any(other.casefold() == title.casefold() and ident != own for ident, other in titles.items()):
        raise Conflict("another folder has that folder.title; choose another one")


def _note(titles: Mapping[int, str], last: int) -> Note:
    return {"last": last, "titles": {str(ident): title for ident, title in titles.items()}}


def _titles(note: Note) -> dict[int, str]:
    told = note.get("titles")
    known = told.items() if isinstance(told, dict) else ()
    return {int(ident): str(title) for ident, title in known if ident.isascii() and ident.isdigit()}


def _number(note: Note, name: str) -> int:
    found = note.get(name)
    return found if isinstance(found, int) else 0
