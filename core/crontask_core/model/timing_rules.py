"""CEL rules on schedules and time zones: what the API server can see of a wrong one without reading it as we do.

`model/task.py` attaches them. Those on schedules judge the standard grammar alone;
the others follow the libraries whose names they bear. Where in doubt a text
passes, and the operator says in the Ready condition what is wrong with it.
"""

_OTHER = "!has(self.schedule) || (has(self.grammar) && self.grammar != 'standard') || "
_WORD = "self.schedule.trim().startsWith('@')"
_ZONED = r"(?i)^\s*(CRON_)?TZ="
_FIELDS = r"^\s*\S+(\s+\S+){4,6}\s*$"
_CHARACTERS = r"^[-0-9A-Za-z*/,?#()\s]*$"
_WORDS = "yearly|annually|monthly|weekly|daily|midnight|hourly|manual"
_EVERY = r"every\s+[+]?([0-9.]+[a-z]+)+"
_AT = r"at\s+\d{4}-\d\d-\d\dT\d{1,2}:\d\d:\d\d([.,]\d+)?(Z|[-+]\d\d:\d\d)"

SCHEDULE_RULES = (
    (
        f"{_OTHER}!{_WORD} || self.schedule.matches(r'(?i)^\\s*@({_WORDS}|{_EVERY}|{_AT})\\s*$')",
        "schedule is no word that CronTask knows; write one of @yearly, @annually, @monthly, @weekly, @daily,"
        " @midnight, @hourly, @manual, or @every with a duration (@every 90s), or @at with a time"
        " (@at 2030-01-02T03:04:05Z)",
        ".schedule",
    ),
    (
        f"{_OTHER}!self.schedule.matches(r'{_ZONED}')",
        "schedule must not name a time zone; remove TZ= and set timeZone",
        ".schedule",
    ),
    (
        f"{_OTHER}{_WORD} || self.schedule.matches(r'{_ZONED}|{_FIELDS}')",
        "schedule must have 5 fields (minutes first), 6 (seconds first) or 7 (with years), or be a word such as"
        " @hourly; add or remove fields",
        ".schedule",
    ),
    (
        f"{_OTHER}{_WORD} || self.schedule.matches(r'{_ZONED}|{_CHARACTERS}')",
        "schedule holds a character that no field has; use digits, names, L, W, H and * / , - ? # ( )",
        ".schedule",
    ),
)

_NO_ZONE = "self.matches('^[^A-Za-z]|[^A-Za-z0-9_+/-]|^Local$')"

ZONE_RULES = (
    (
        f"self == '' || !{_NO_ZONE}",
        "timeZone is not the name of a time zone; write an IANA name such as Europe/Berlin or UTC",
    ),
    # The conversion itself fails ("unknown time zone …") where the API server's own time-zone data lacks the name.
    (
        f"self == '' || {_NO_ZONE} || timestamp('2000-06-01T12:00:00Z').getFullYear(self) == 2000",
        "timeZone is not in the time-zone data; write an IANA name such as Europe/Berlin or UTC",
    ),
)
