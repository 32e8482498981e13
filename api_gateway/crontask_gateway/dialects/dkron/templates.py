"""Go's `text/template`, as far as Dkron's notifications need it, as texts of CronTask's. Pure.

What is known when a job is stored is written out, conditions on it included; what is
known when a notification is sent becomes a reference such as `$(CRONTASK_OUTPUT)`,
which the operator fills in. Everything else of the language is refused: the operator
runs no programs in texts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

RFC3339 = "2006-01-02T15:04:05Z07:00"
"""The one layout in which times are told (https://pkg.go.dev/time#pkg-constants)."""
FIELDS = ("Report", "JobName", "ReportingNode", "StartTime", "FinishedAt", "Success", "NodeName", "Output")
"""What upstream offers to its templates."""
KNOWN_EARLY = frozenset({"JobName", "ReportingNode", "NodeName", "Success"})
"""What is known when the job is stored, so that a condition may ask for it."""
_ACTION = re.compile(r"(\{\{.*?\}\})", re.DOTALL)
_FIELD = re.compile(r"\.([A-Za-z]+)")
_FORMATTED = re.compile(r"\.(StartTime|FinishedAt)\.Format\s+[\"`]([^\"`]*)[\"`]")
_COMPARED = re.compile(r"(eq|ne)\s+(\S+|\"[^\"]*\"|`[^`]*`)\s+(\S+|\"[^\"]*\"|`[^`]*`)")
_QUOTED = re.compile(r"\"([^\"\\]*)\"|`([^`]*)`")


class TemplateError(ValueError):
    """A template that cannot be said by CronTask; tells what is wrong, and after a semicolon what to do."""


@dataclass(slots=True)
class _If:
    """An open condition."""

    told: bool
    """Whether the present branch is told."""
    done: bool
    """Whether one of its branches was."""
    last: bool = False
    """Whether the present branch is `else`."""


def written(template: str, values: Mapping[str, str]) -> str:
    """The template with the values of `FIELDS`, which are texts of CronTask's; its own `$` is escaped.

    Raises TemplateError.
    """
    found: list[str] = []
    open_ifs: list[_If] = []
    for is_action, text in _pieces(template):
        value = _act(text, values, open_ifs) if is_action else text.replace("$", "$$")
        if all(each.told for each in open_ifs):
            found.append(value)
    if open_ifs:
        raise TemplateError("an {{if}} has no {{end}}; add it")
    return "".join(found)


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """Actions without their braces, and the texts between them; `{{- ` and ` -}}` take blanks away beside them."""
    parts = _ACTION.split(template)
    for place, part in enumerate(parts):
        if place % 2:
            yield True, part[2:-2].removeprefix("-").removesuffix("-").strip()
            continue
        if "{{" in part:
            raise TemplateError("an action is not closed; add }}")
        if place and re.search(r"\s-\}\}$", parts[place - 1]):
            part = part.lstrip()
        if place + 1 < len(parts) and re.match(r"\{\{-\s", parts[place + 1]):
            part = part.rstrip()
        yield False, part


def _act(action: str, values: Mapping[str, str], open_ifs: list[_If]) -> str:
    """What an action puts in its place."""
    word, _, rest = action.partition(" ")
    if word == "if":
        told = _holds(rest.strip(), values)
        open_ifs.append(_If(told, told))
    elif word in ("else", "end"):
        _go_on(word, rest.strip(), values, open_ifs)
    elif not (action.startswith("/*") and action.endswith("*/")):
        return _field(action, values)
    return ""


def _go_on(word: str, rest: str, values: Mapping[str, str], open_ifs: list[_If]) -> None:
    if not open_ifs or (word == "else" and open_ifs[-1].last) or (word == "end" and rest):
        raise TemplateError(f"{{{{{word}}}}} stands where none may be; remove it")
    here = open_ifs[-1]
    if word == "end":
        open_ifs.pop()
        return
    other, _, condition = rest.partition(" ")
    if rest and other != "if":
        raise TemplateError(f"{{{{else {rest}}}}} is not understood; write {{{{else}}}} or {{{{else if …}}}}")
    holds = _holds(condition.strip(), values) if rest else True
    here.told, here.done, here.last = holds and not here.done, here.done or holds, not rest


def _holds(condition: str, values: Mapping[str, str]) -> bool:
    """`eq` or `ne` of two texts, or a text that is not empty."""
    compared = _COMPARED.fullmatch(condition)
    if compared is None:
        return bool(_text(condition, values))
    same = _text(compared[2], values) == _text(compared[3], values)
    return same if compared[1] == "eq" else not same


def _text(said: str, values: Mapping[str, str]) -> str:
    if quoted := _QUOTED.fullmatch(said):
        return quoted[1] if quoted[1] is not None else quoted[2]
    field = _FIELD.fullmatch(said)
    if field is None or field[1] not in KNOWN_EARLY:
        known = ", ".join(f".{name}" for name in sorted(KNOWN_EARLY))
        raise TemplateError(f"{{{{if}}}} cannot ask for {said or 'nothing'}; it can for {known}, alone or by eq and ne")
    return values[field[1]]


def _field(action: str, values: Mapping[str, str]) -> str:
    if formatted := _FORMATTED.fullmatch(action):
        if formatted[2] != RFC3339:
            raise TemplateError(f"times have no other layout than {RFC3339}; write {{{{.{formatted[1]}}}}}")
        return values[formatted[1]]
    field = _FIELD.fullmatch(action)
    if field is None or field[1] not in FIELDS:
        offered = ", ".join(f".{name}" for name in FIELDS)
        raise TemplateError(f"{{{{{action}}}}} is not understood; there are {offered}, if, else and end")
    return values[field[1]]
