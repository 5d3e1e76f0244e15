"""N29, N30, N33: those who cost much and give little, at the deployed server and real pods."""

import asyncio
import gzip
import json
import statistics
import time
import zlib
from contextlib import suppress

import pytest

from tests.attacks.costs import MEBIBYTES, Crowd, answer_time, note_figure, resident_mebibytes
from tests.attacks.scene import Scene, Wire
from tests.attacks.witness import HANDSHAKE, Witness, status_of

pytestmark = pytest.mark.cluster

MEBIBYTE = bytes(2**20)


LONG = {
    "cookies": ("/", "Cookie: " + "; ".join(f"a{n}=b" for n in range(1700))),
    "one cookie of equals signs": ("/", "Cookie: " + "=" * 15_000),
    "quotes in cookies": ("/", "Cookie: " + '"\\"' * 5_000),
    "ranges": ("/", "Range: bytes=" + ",".join("0-1" for _ in range(3_700))),
    "languages": ("/", "Accept-Language: " + ",".join("a-b;q=0.1" for _ in range(1_500))),
    "connection tokens": ("/", "Connection: close, " + ",".join(f"x{n}" for n in range(2_300))),
    "dots": ("/" + "../" * 2_600, "X: y"),
    "escapes": ("/" + "%25" * 2_600, "X: y"),
    "slashes": ("/" * 7_900, "X: y"),
    "query": ("/?" + "&".join(f"a{n}" for n in range(1_600)), "X: y"),
}


@pytest.mark.parametrize("shape", LONG)
async def test_no_head_takes_long(witness: Witness, wire: Wire, shape: str) -> None:
    """The longest heads that are read at all; quadratic work over them would take seconds."""
    path, field = LONG[shape]
    taken = min([await answer_time(wire, witness.request(path, field)) for _ in range(3)])
    assert taken < 1.0


@pytest.mark.parametrize("size", [20_000, 200_000])
async def test_a_giant_head_is_refused(witness: Witness, wire: Wire, size: int) -> None:
    assert status_of(await wire.ask(witness.request("/", "X-A: " + "a" * size))) in ("400", "closed")


def create_request(scene: Scene, body: bytes, *fields: str) -> bytes:
    path = f"/api/v1/namespaces/{scene.one.namespace}/environments?dryRun=true"
    head = [
        f"POST {path} HTTP/1.1", f"Host: {scene.host}", f"Authorization: Bearer {scene.token(scene.alice)}",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close", *fields, "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


async def test_a_compressed_body_is_not_blown_up(scene: Scene, wire: Wire) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    answer = await wire.ask(create_request(scene, bomb, "Content-Encoding: gzip"))
    assert status_of(answer) in ("400", "413", "415", "422")


GOOD_BODY = b'{"name": "dry", "template": "base"}'
BOMBS = {
    "lists in lists": b"[" * 60_000,
    "objects in objects": b'{"name":' * 7_000,
    "closed lists in a field": b'{"name": "dry", "template": "base", "env": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a number of 60,000 digits": b'{"name": "dry", "template": "base", "port": ' + b"9" * 60_000 + b"}",
    "a huge exponent": b'{"name": "dry", "template": "base", "running": 1e999999999}',
    "not a number": b'{"name": "dry", "template": "base", "running": NaN}',
    "half a character": b'{"name": "dry", "template": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "dry\\ud800", "template": "base"}',
    "NUL": b'{"name": "dry\\u0000", "template": "base"}',
    "more than the bound": b'{"name": "' + b"x" * 70_000 + b'"}',
    "python's own object notation": b'!!python/object/apply:os.system ["true"]',
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_of_json_is_refused_in_a_moment(scene: Scene, wire: Wire, bomb: str) -> None:
    assert status_of(await wire.ask(create_request(scene, GOOD_BODY))) == "201", "positive control"
    request, times = create_request(scene, BOMBS[bomb]), list[float]()
    for _ in range(3):
        started = time.perf_counter()
        answer = await wire.ask(request)
        times.append(time.perf_counter() - started)
    assert min(times) < 2.0
    assert status_of(answer) in ("400", "413", "422"), answer[:300]
    assert "title" in json.loads(answer.partition(b"\r\n\r\n")[2]), "an answer of ours, and no failure"


async def test_the_last_of_two_equal_names_counts_for_all(scene: Scene, wire: Wire) -> None:
    """Nobody behind reads the same body again, which could then mean something else."""
    answer = await wire.ask(create_request(scene, b'{"name": "first", "name": "second", "template": "base"}'))
    assert status_of(answer) == "201", answer[:300]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == "second"


def compressed_frames() -> bytes:
    """2 GiB of zeros as masked frames of a socket that are said to be compressed."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(squeezer.compress(MEBIBYTE) for _ in range(100)) + squeezer.flush(zlib.Z_SYNC_FLUSH)
    # FIN, RSV1 and binary; a length of 64 bits; a mask of zeros.
    return (b"\xc2\xff" + len(data).to_bytes(8, "big") + bytes(4) + data) * 20


async def send_all(writer: asyncio.StreamWriter, data: bytes, *, times: int) -> int:
    """Sends until it is done, nothing is taken any more, or the server closes; how many times it was taken."""
    taken = 0
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(5):
            while taken < times:
                writer.write(data)
                await writer.drain()
                taken += 1
    return taken


async def test_the_slow_and_the_many_do_not_keep_others_out(scene: Scene, witness: Witness, wire: Wire) -> None:
    """Heads that do not end, bodies that do not come, answers that nobody reads, sockets that say nothing."""
    own = f"Origin: http://{witness.host}"
    kinds = {
        "no head": (80, b""),
        "half a head": (80, witness.request("/").removesuffix(b"\r\n\r\n")),
        "no body": (80, witness.request("/slow", own, "Content-Length: 1000000", method="POST")),
        "an answer that is not read": (20, witness.request("/endless")),
        "an idle socket": (80, witness.request("/idle", *HANDSHAKE, own)),
    }
    before, crowd = await asyncio.to_thread(resident_mebibytes, scene.surroundings), Crowd(wire)
    try:
        for count, data in kinds.values():
            for _ in range(count):
                await crowd.add(data)
        times = [await answer_time(wire, witness.request("/quick")) for _ in range(40)]
        grown = await asyncio.to_thread(resident_mebibytes, scene.surroundings) - before
    finally:
        crowd.leave()
    what = ", ".join(f"{count} × {kind}" for kind, (count, _) in kinds.items())
    note_figure(f"| {what} | +{grown:.0f} MiB | {statistics.median(times):.3f} s, {max(times):.3f} s |")
    assert statistics.median(times) < 1.0
    assert grown < MEBIBYTES, f"{len(crowd.writers)} connections took {grown:.0f} MiB"


async def test_what_is_sent_faster_than_it_is_taken_is_not_kept(scene: Scene, witness: Witness, wire: Wire) -> None:
    """Bodies that a program does not read, and sockets that are fed with what becomes 2 GiB if somebody inflates it."""
    own = f"Origin: http://{witness.host}"
    size = 256
    upload = witness.request("/unread", own, f"Content-Length: {size * 2**20}", method="POST")
    frames = await asyncio.to_thread(compressed_frames)
    before, crowd = await asyncio.to_thread(resident_mebibytes, scene.surroundings), Crowd(wire)
    try:
        bodies = [await crowd.add(upload) for _ in range(10)]
        sockets = [await crowd.add(witness.request("/fed", *HANDSHAKE, own)) for _ in range(10)]
        sent = await asyncio.gather(
            *(send_all(writer, MEBIBYTE, times=size) for writer in bodies),
            *(send_all(writer, frames, times=1) for writer in sockets),
        )
        times = [await answer_time(wire, witness.request("/quick")) for _ in range(40)]
        grown = await asyncio.to_thread(resident_mebibytes, scene.surroundings) - before
    finally:
        crowd.leave()
    what = (
        f"10 uploads of {size} MiB to a program that reads nothing, {max(sent[:10])} MiB were taken of one; 10 sockets"
    )
    note_figure(f"| {what} | +{grown:.0f} MiB | {statistics.median(times):.3f} s, {max(times):.3f} s |")
    assert max(sent[:10]) < size, "the one who sends is held up"
    assert statistics.median(times) < 1.0
    assert grown < MEBIBYTES
