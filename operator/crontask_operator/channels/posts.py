"""Webhooks and Slack: one HTTP request through the guarded executor, no redirect followed."""

from collections.abc import Callable

from crontask_core.httpcall import CallFacts, Reason
from crontask_core.notices import Facts
from crontask_core.notices.posts import Post, post, post_refs
from crontask_kube.client import ApiClient
from crontask_operator.channels.channel import Delivery, told
from crontask_operator.executors.http import HttpExecutor
from crontask_operator.secrets import read_keys


class PostChannel:
    """Sends webhooks and Slack messages (see `Channel`)."""

    def __init__(self, api: ApiClient, http: HttpExecutor, may_send: Callable[[], bool]) -> None:
        self._api, self._http, self._may_send = api, http, may_send

    async def send(self, facts: Facts) -> Delivery:
        """An answer of 200 to 299 is a delivery, whatever becomes of its body."""
        secrets = await read_keys(self._api, facts.task.namespace, post_refs(facts.notify))
        made = post(facts, secrets)
        answer = await self._http.call(made.request, may_send=self._may_send)
        return _delivery(made, answer)


def _delivery(made: Post, answer: CallFacts) -> Delivery:
    status = answer.http_status
    if status is not None and 200 <= status < 300:
        return Delivery(True, "Delivered")
    if answer.error is not None:
        return Delivery(False, answer.error.reason.value, told(answer.error.message, made.hidden))
    if status is not None and 300 <= status < 400:
        return Delivery(False, Reason.BAD_STATUS.value, f"answered {status}; a notification follows no redirect")
    return Delivery(False, Reason.BAD_STATUS.value, f"answered {status}")
