"""Notifications as values: what is worth telling, what waits to be told, and in which words.

`occasions` turns what happened to a task into notices, `outbox` bounds what waits in
its status, `facts` and `texts` find the words, `posts` and `mails` make them a request or
an e-mail, `retries` says when to try again. Sending is for the operator's `notifier` and
`channels`.
"""

from crontask_core.notices.checks import check_notify
from crontask_core.notices.facts import Facts
from crontask_core.notices.occasions import FAILURES, begun, begun_late, disabled, ended, keyword_found, missed
from crontask_core.notices.outbox import Outbox, outbox_of, with_alerting, with_new, with_try, without

__all__ = [
    "FAILURES",
    "Facts",
    "Outbox",
    "begun",
    "begun_late",
    "check_notify",
    "disabled",
    "ended",
    "keyword_found",
    "missed",
    "outbox_of",
    "with_alerting",
    "with_new",
    "with_try",
    "without",
]
