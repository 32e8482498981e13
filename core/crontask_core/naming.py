"""Which objects name which others: tasks their group, calendars and targets, groups their calendars.

What names nothing, and what nobody names, takes no room here.
"""

from collections.abc import Collection

from crontask_core.companions import Reference
from crontask_core.names import GROUP_KIND, TASK, Key, Kind

Ref = tuple[Kind, Key]
"""An object that names others, or is named."""


class Naming:
    """Who names what, and by whom each is named. What is named need not exist."""

    def __init__(self) -> None:
        self._names: dict[Kind, dict[Key, tuple[Reference, ...]]] = {TASK: {}, GROUP_KIND: {}}
        self._named_by: dict[Ref, set[Ref]] = {}

    def put(self, ref: Ref, names: tuple[Reference, ...]) -> None:
        """The object names these of its namespace from now on, and no others."""
        kind, key = ref
        for old in self._names[kind].pop(key, ()):
            named = (old.kind, Key(key.namespace, old.name))
            users = self._named_by.get(named, set())
            users.discard(ref)
            if not users:
                self._named_by.pop(named, None)
        for new in names:
            self._named_by.setdefault((new.kind, Key(key.namespace, new.name)), set()).add(ref)
        if names:
            self._names[kind][key] = names

    def of(self, ref: Ref) -> tuple[Reference, ...]:
        """What the object names; nothing for a kind that names none."""
        kind, key = ref
        return self._names[kind].get(key, ()) if kind in self._names else ()

    def of_task(self, task: Key) -> tuple[Reference, ...]:
        """What a task names: one look into a dictionary for the many that name nothing."""
        return self._names[TASK].get(task, ())

    def users(self, ref: Ref) -> Collection[Ref]:
        """Those that name the object."""
        return self._named_by.get(ref, ())
