"""Who names what, and by whom each is named."""

from crontask_core.companions import Reference
from crontask_core.names import CALENDAR, GROUP_KIND, TARGET, TASK, Key
from crontask_core.naming import Naming

REPORT, INVOICES = (TASK, Key("shop", "report")), (TASK, Key("shop", "invoices"))
BATCH = (GROUP_KIND, Key("shop", "batch"))
WEEKENDS = (CALENDAR, Key("shop", "weekends"))
GROUP = Reference(GROUP_KIND, "batch", "spec.group")
EXCLUDED = Reference(CALENDAR, "weekends", "spec.exclude[0]")


def test_each_is_named_by_those_that_name_it() -> None:
    naming = Naming()
    naming.put(REPORT, (GROUP, EXCLUDED))
    naming.put(INVOICES, (GROUP,))
    naming.put(BATCH, (EXCLUDED,))
    assert set(naming.users(BATCH)) == {REPORT, INVOICES}
    assert set(naming.users(WEEKENDS)) == {REPORT, BATCH}
    assert naming.of(REPORT) == naming.of_task(REPORT[1]) == (GROUP, EXCLUDED)
    assert not naming.users((CALENDAR, Key("another", "weekends")))


def test_what_is_named_no_more_is_forgotten() -> None:
    naming = Naming()
    naming.put(REPORT, (GROUP, EXCLUDED))
    naming.put(INVOICES, (GROUP,))
    naming.put(REPORT, (EXCLUDED,))
    assert set(naming.users(BATCH)) == {INVOICES}
    naming.put(REPORT, ())
    naming.put(INVOICES, ())
    assert not naming.users(BATCH)
    assert not naming.users(WEEKENDS)
    assert naming.of_task(REPORT[1]) == ()
    assert naming._names == {TASK: {}, GROUP_KIND: {}}
    assert naming._named_by == {}


def test_a_kind_that_names_nothing() -> None:
    assert Naming().of((TARGET, Key("shop", "eu"))) == ()
