"""A new master key: pods that run keep theirs, and nothing is written for them; the next pod gets the new one."""

import base64
from pathlib import Path

from devworkspace.api import names
from devworkspace.core.credential import environment_credential, key_id
from devworkspace.kube.resource import PODS, SECRETS
from tests.operator.running import DEMO, let_pod_answer, phase_of, pods_of, running_operator, silence
from tests.operator.test_operator import child, start_demo
from tests.support.builders import MASTER_KEY
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fixtures import eventually

NEW_KEY = b"n" * 32


def credential_of(server: FakeApiServer, uid: str) -> str:
    secret = server.get(SECRETS, child(uid))
    assert secret is not None
    return base64.b64decode(secret["data"][names.CREDENTIAL_KEY]).decode()


async def test_the_next_pod_gets_the_new_key(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, key_seconds=0.05) as operator:
        uid = await start_demo(server)
        (pod,) = pods_of(server)
        assert pod["metadata"]["annotations"][names.ANNOTATION_CREDENTIAL_KEY] == key_id(MASTER_KEY)
        assert credential_of(server, uid) == environment_credential(MASTER_KEY, uid)
        (tmp_path / "previous").write_bytes(MASTER_KEY)
        (tmp_path / "master").write_bytes(NEW_KEY)
        await eventually(lambda: operator.master_key_id == key_id(NEW_KEY))
        assert await silence(server) == [], "what runs is left alone"
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: server.get(PODS, child(uid)) is None)
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        (pod,) = pods_of(server)
        assert pod["metadata"]["annotations"][names.ANNOTATION_CREDENTIAL_KEY] == key_id(NEW_KEY)
        assert credential_of(server, uid) == environment_credential(NEW_KEY, uid)
