"""N1, N2: what belongs to somebody else looks exactly like what does not exist, whichever door one tries."""

import json
import re
import statistics
import time
from pathlib import Path

import aiohttp
import pytest

from tests.attacks.scene import Person, Scene, Wire

pytestmark = pytest.mark.cluster

NAVIGATION = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://@HOST@\r\n"
)
SAME_ORIGIN = "Origin: http://@HOST@\r\nSec-Fetch-Site: same-origin\r\n"
# Every way in, with the status that its owner gets: method, path, further fields.
WAYS = {
    "the editor's page": ("GET", "/", "", 302),
    "the editor's page, opened": ("GET", "/", NAVIGATION, 302),
    "a file of the editor": ("GET", "/_static/src/browser/media/favicon.ico", "", 200),
    # To the port's own host: what the port serves never comes from the editor's origin.
    "a port, by path": ("GET", "/proxy/8080/healthz", "", 302),
    "the editor's socket": ("GET", "/stable-0/?reconnectionToken=x&type=Management", UPGRADE, 101),
    "a form": ("POST", "/mint-key", SAME_ORIGIN + "Content-Length: 0\r\n", 200),
    "the state": ("GET", "/-/state", "", 200),
    "the start button": ("POST", "/-/start", SAME_ORIGIN + "Content-Length: 0\r\n", 303),
    "a code": ("GET", "/-/callback?code=guessed", "", 400),
}


def request(way: str, host: str, cookie: str = "") -> bytes:
    method, path, fields, _ = WAYS[way]
    closing = "" if "Upgrade" in fields else "Connection: close\r\n"
    sent = f"{method} {path} HTTP/1.1\r\nHost: @HOST@\r\n{fields}{closing}"
    if cookie:
        sent += f"Cookie: {cookie}\r\n"
    return (sent + "\r\n").replace("@HOST@", host).encode()


def blurred(answer: bytes, host: str) -> bytes:
    """An answer without what differs in any two of them: the date, the nonce, and the name that was asked for."""
    text = answer.decode("latin-1").replace(host, "HOST").replace(host.partition(".")[0], "LABEL")
    text = re.sub(r"\r\nDate: [^\r]*", "", text)
    text = re.sub(r"(nonce=)[0-9a-f]{64}", r"\1HASH", text)
    return re.sub(r"(dw-nonce=)[\w-]+", r"\1NONCE", text).encode("latin-1")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("way", WAYS)
async def test_the_owner_is_let_in(scene: Scene, wire: Wire, way: str) -> None:
    answer = await wire.answer(request(way, scene.bobs.host, scene.key_of(scene.bobs)))
    assert status_of(answer) == WAYS[way][3], answer[:500]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["stranger", "alice with her own key", "alice with a key for it", "bob signed out"])
async def test_foreign_and_absent_are_the_same(scene: Scene, wire: Wire, way: str, who: str) -> None:
    cookies = {
        "stranger": "",
        "alice with her own key": scene.key_of(scene.one),
        # As if she had been let in once and lost the right: a sealed session for this very environment.
        "alice with a key for it": scene.key_of(scene.bobs, scene.alice),
        "bob signed out": scene.key_of(scene.bobs)[:-2],
    }
    foreign = await wire.answer(request(way, scene.bobs.host, cookies[who]))
    absent = await wire.answer(request(way, scene.absent, cookies[who]))
    assert status_of(foreign) in (302, 400, 401, 404)
    if who != "alice with a key for it":
        assert blurred(foreign, scene.bobs.host) == blurred(absent, scene.absent)
    elif way == "a code":
        assert status_of(foreign) == 400
    else:
        # She has been told before that it exists; now it does not exist for her.
        assert status_of(foreign) == 404
        assert scene.bobs.name.encode() not in foreign.partition(b"\r\n\r\n")[2]


async def test_signing_in_tells_as_little(scene: Scene, wire: Wire) -> None:
    """The public half of the way in, which decides who gets a one-time code."""

    async def authorize(label: str, cookie: str) -> bytes:
        target = f"/-/authorize?env={label}&nonce={'0' * 64}&next=/"
        head = f"GET {target} HTTP/1.1\r\nHost: {scene.host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        return await wire.answer(head.encode())

    label, absent = scene.bobs.host.partition(".")[0], scene.absent.partition(".")[0]
    alice, bob = scene.signed_in(scene.alice), scene.signed_in(scene.bob)
    assert b"/-/callback?code=" in await authorize(label, bob)
    refused = blurred(await authorize(label, alice), label)
    assert refused.startswith(b"HTTP/1.1 404 ")
    assert refused == blurred(await authorize(absent, alice), absent)


# What the API answers the owner: the environment runs already, and nothing is deleted that has changed since.
API = {
    "read": ("GET", "", {}, 200),
    "start": ("POST", "/start", {}, 409),
    "stop": ("POST", "/stop", {"If-Match": '"0"'}, 412),
    "restart": ("POST", "/restart", {"If-Match": '"0"'}, 412),
    "delete": ("DELETE", "", {"If-Match": '"0"'}, 412),
    "delete with its data": ("DELETE", "?data=Delete", {"If-Match": '"0"'}, 412),
}


def credentials(scene: Scene, person: Person, by: str) -> dict[str, str]:
    if by == "token":
        return {"Authorization": f"Bearer {scene.token(person)}"}
    return {"Cookie": scene.signed_in(person), "Origin": scene.origin, "X-DevWorkspace-CSRF": "1"}


@pytest.mark.parametrize("way", API)
@pytest.mark.parametrize("by", ["token", "cookie"])
async def test_the_api_tells_foreign_from_absent_neither(scene: Scene, way: str, by: str) -> None:
    method, path, fields, expected = API[way]

    async def ask(person: Person, name: str) -> tuple[int, dict[str, str], str]:
        url = f"{scene.origin}/api/v1/namespaces/{scene.bobs.namespace}/environments/{name}{path}"
        headers = {**credentials(scene, person, by), **fields}
        async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as response:
            told = {key: value for key, value in response.headers.items() if key != "Date"}
            return response.status, told, (await response.text()).replace(name, "NAME")

    assert (await ask(scene.bob, "bobs"))[0] == expected, "positive control"
    foreign = await ask(scene.alice, "bobs")
    assert foreign[0] == 404
    assert foreign == await ask(scene.alice, "nope")


@pytest.mark.parametrize("path", ["", "?namespace={ns}", "?owner={bob}", "?q=bobs"])
async def test_lists_hold_nothing_of_others(scene: Scene, path: str) -> None:
    query = path.format(ns=scene.bobs.namespace, bob=scene.bob.name)
    seen = {}
    async with aiohttp.ClientSession() as session:
        for person in (scene.alice, scene.bob):
            headers = {"Authorization": f"Bearer {scene.token(person)}"}
            async with session.get(f"{scene.origin}/api/v1/environments{query}", headers=headers) as response:
                assert response.status == 200
                seen[person.account] = await response.text()
    assert scene.bobs.uid in seen["bob"], "positive control"
    for trace in (scene.bobs.uid, scene.bobs.namespace, "bobs"):
        assert trace not in seen["alice"].replace("q=bobs", "")


async def test_changes_of_others_are_not_streamed(scene: Scene) -> None:
    """Bob's environment changes while both listen: his stream says so, hers is silent about it."""
    heard: dict[str, str] = {"alice": "", "bob": ""}
    async with aiohttp.ClientSession() as session:
        streams = {}
        for person in (scene.alice, scene.bob):
            headers = {"Authorization": f"Bearer {scene.token(person)}"}
            streams[person.account] = await session.get(f"{scene.origin}/api/v1/environments/stream", headers=headers)
        for name, displayed in (("bobs", "Changed by Bob"), ("one", "Changed by Alice")):
            room = scene.bobs if name == "bobs" else scene.one
            scene.surroundings.run_kubectl(
                "patch", "wsi", name, f"--namespace={room.namespace}", "--type=merge",
                "--patch", json.dumps({"spec": {"displayName": displayed}}),
            )  # fmt: skip
        for account, end in (("bob", "Changed by Bob"), ("alice", "Changed by Alice")):
            deadline = time.monotonic() + 20
            while end not in heard[account]:
                assert time.monotonic() < deadline, heard
                heard[account] += (await streams[account].content.readany()).decode()
            streams[account].close()
    # Alice's own change came after Bob's, so that his would have been heard by now.
    assert "Changed by Bob" not in heard["alice"]
    assert scene.bobs.uid not in heard["alice"]


@pytest.mark.parametrize(
    "command",
    [
        ("get", "wsi", "bobs"),
        ("get", "wsi"),
        ("patch", "wsi", "bobs", "--type=merge", '--patch={"spec":{"running":false}}'),
        ("delete", "wsi", "bobs", "--dry-run=server"),
        ("get", "secrets"),
        ("get", "pods"),
    ],
    ids=" ".join,
)
def test_kubectl_refuses_as_well(scene: Scene, command: tuple[str, ...]) -> None:
    code, words = scene.kubectl_as(scene.alice, *command, f"--namespace={scene.bobs.namespace}")
    assert code != 0
    assert "forbidden" in words.lower()


@pytest.mark.parametrize(
    "command", [("get", "wsi", "bobs"), ("delete", "wsi", "bobs", "--dry-run=server")], ids=" ".join
)
def test_kubectl_lets_the_owner(scene: Scene, command: tuple[str, ...]) -> None:
    code, words = scene.kubectl_as(scene.bob, *command, f"--namespace={scene.bobs.namespace}")
    assert code == 0, words


async def test_the_time_of_an_answer_is_written_down(scene: Scene, wire: Wire) -> None:
    """Not compared, because machines differ; docs/SECURITY.md has the figures of a run."""
    key, lines = scene.key_of(scene.one), []
    times: dict[str, list[float]] = {scene.bobs.host: [], scene.absent: []}
    for _ in range(150):
        for host, taken in times.items():
            started = time.perf_counter()
            await wire.answer(request("the editor's page", host, key))
            taken.append((time.perf_counter() - started) * 1000)
    for name, taken in zip(("foreign", "absent"), times.values(), strict=True):
        deciles = statistics.quantiles(taken, n=10)
        lines.append(f"{name}: p10 {deciles[0]:.2f}, p50 {deciles[4]:.2f}, p90 {deciles[8]:.2f} ms\n")
    report = Path(".local/test-results/answer-times.txt")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("".join(lines), encoding="utf-8")
    assert len(lines) == 2
