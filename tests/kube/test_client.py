from fakes.apiserver import FakeApiServer

from crontask_kube.client import ApiClient
from crontask_kube.resources import PODS


async def test_created_object_can_be_read(client: ApiClient, server: FakeApiServer) -> None:
    made = await client.create(PODS, "a", {"metadata": {"name": "p"}, "spec": {}})
    assert await client.get(PODS, "a", "p") == made == server.object(PODS, "p", "a")
