"""What pure code may object to.

    CronTaskError
    └── FieldError              a field holds something that we cannot work with
        ├── ScheduleError       a schedule text that no grammar of ours reads
        └── ZoneError           a time zone that the time-zone data does not know

Every `FieldError` says which field, what stands there and what would be right;
shells show it as it is (condition, event, exit text).
"""

MAX_SHOWN = 80


class CronTaskError(Exception):
    """Root of all errors that CronTask raises on purpose."""


class FieldError(CronTaskError):
    """A field's value cannot be used.

    `path` is the field as kubectl writes it (`spec.schedule`), `value` what
    stands there (shown shortened), `problem` what is wrong, `remedy` what to
    write instead.
    """

    def __init__(self, path: str, value: object, problem: str, remedy: str) -> None:
        shown = str(value)
        if len(shown) > MAX_SHOWN:
            shown = shown[: MAX_SHOWN - 1] + "…"
        super().__init__(f'{path}: "{shown}" {problem}; {remedy}')
        self.path = path
        self.value = value
        self.problem = problem
        self.remedy = remedy

    def at(self, path: str) -> "FieldError":
        """The same error, told of another field (a schedule text knows no path of its own)."""
        return type(self)(path, self.value, self.problem, self.remedy)


class ScheduleError(FieldError):
    """A schedule text that cannot be read under its grammar."""


class ZoneError(FieldError):
    """A time zone that is not in the time-zone data."""
