"""What can be said of a task's `notify` before anything happens."""

from collections.abc import Sequence
from datetime import UTC, datetime

from crontask_core.httpcall.pattern import check_pattern
from crontask_core.model import Notify, PendingNotification
from crontask_core.names import Key
from crontask_core.notices.facts import Facts, variables
from crontask_core.notices.posts import check_post


def check_notify(ways: Sequence[Notify]) -> None:
    """Raises FieldError for a keyword that is no expression, or a webhook that could never be called."""
    for index, notify in enumerate(ways):
        path = f"spec.notify[{index}]"
        if notify.keyword is not None:
            check_pattern(notify.keyword, f"{path}.keyword")
        if notify.email is None:
            at = datetime.fromtimestamp(0, UTC)
            sample = PendingNotification(id="0", when="Always", way=index, at=at, execution="e", phase="Failed")
            check_post(notify, path, variables(Facts(Key("n", "t"), notify, sample)))
