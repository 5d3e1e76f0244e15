"""Fetching reports from pods, which may answer with anything, slowly, and for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from devworkspace.core.credential import environment_credential
from devworkspace.server import reports
from devworkspace.server.environments import Environment, make_environment
from devworkspace.server.reports import PodReports, Reading
from tests.server.support import MASTER_KEY, make_instance, make_pod, running_pod, running_tcp_pod

DATE = "Wed, 25 Nov 2026 19:29:37 GMT"
REPORT = "1 1795634960 1795634900 seen\n"


def environment_on(port: int, name: str = "demo") -> Environment:
    instance = make_instance(name)
    return make_environment(instance, make_pod(instance, port))


@pytest.fixture
async def asking() -> AsyncIterator[PodReports]:
    async with PodReports(lambda environment: environment_credential(MASTER_KEY, environment.uid)) as made:
        yield made


def answering(text: str = REPORT, **options: object) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    headers = {"Date": DATE, **options.pop("headers", {})}  # type: ignore[dict-item]

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=text, headers=headers, **options)  # type: ignore[arg-type]

    return answer


async def test_a_report_is_fetched_with_the_environments_own_credential(asking: PodReports) -> None:
    async with running_pod(answering()) as pod:
        reading = await asking.read(environment_on(pod.port))
    assert reading.outcome == "read"
    assert reading.report is not None
    assert reading.pod_time is not None
    assert (reading.pod_time - reading.report.worked_at).total_seconds() == 77
    ((method, target, head),) = pod.seen
    assert (method, target) == ("GET", "/vscode-remote-resource?path=/tmp/devworkspace-activity/report")
    assert head["Cookie"] == f"code-server-session={environment_credential(MASTER_KEY, 'uid-team-demo')}"


async def test_every_environment_gets_its_own_credential_only(asking: PodReports) -> None:
    async with running_pod(answering()) as pod:
        await asking.read(environment_on(pod.port, "mine"))
        await asking.read(environment_on(pod.port, "other"))
    cookies = {head["Cookie"] for _, _, head in pod.seen}
    assert cookies == {
        f"code-server-session={environment_credential(MASTER_KEY, uid)}" for uid in ("uid-team-mine", "uid-team-other")
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answering("Not found", status=404), "absent"),
        (answering(status=401), "failed"),
        (answering(status=500), "failed"),
        (answering("no report"), "failed"),
        (answering(""), "failed"),
        (answering(REPORT * 2), "failed"),
        (answering(REPORT + "x" * 10_000_000), "failed"),
        (answering(headers={"Content-Encoding": "gzip"}, text="no gzip"), "failed"),
    ],
    ids=["absent", "wrong credential", "error", "other text", "empty", "two", "huge", "claims to be packed"],
)
async def test_what_is_no_report(
    asking: PodReports, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], outcome: str
) -> None:
    async with running_pod(answer) as pod:
        reading = await asking.read(environment_on(pod.port))
    assert (reading.outcome, reading.report) == (outcome, None)


async def test_a_file_is_fetched_by_its_path(asking: PodReports) -> None:
    async with running_pod(answering("state")) as pod:
        assert await asking.fetch(environment_on(pod.port), "/tmp/state", most=5) == b"state"
        assert await asking.fetch(environment_on(pod.port), "/tmp/state", most=4) is None, "it is larger"
    assert [target for _, target, _ in pod.seen] == ["/vscode-remote-resource?path=/tmp/state"] * 2
    async with running_pod(answering("Not found", status=404)) as pod:
        assert await asking.fetch(environment_on(pod.port), "/tmp/state", most=5) is None
    assert await asking.fetch(environment_on(1), "/tmp/state", most=5) is None


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 99 Nov 2026 19:29:37 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"])
async def test_a_report_without_the_pods_time_tells_no_age(asking: PodReports, date: str) -> None:
    async with running_pod(answering(headers={"Date": date})) as pod:
        reading = await asking.read(environment_on(pod.port))
    assert (reading.outcome, reading.pod_time) == ("read", None)


async def test_a_redirect_is_not_followed(asking: PodReports) -> None:
    async with running_pod(answering()) as elsewhere:
        where = {"Location": f"http://127.0.0.1:{elsewhere.port}/"}
        async with running_pod(answering(status=302, headers=where)) as pod:
            assert (await asking.read(environment_on(pod.port))).outcome == "failed"
    assert elsewhere.seen == []


async def test_an_endless_answer_is_read_no_further_than_a_report(asking: PodReports) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {DATE}\r\n\r\n".encode())
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with running_tcp_pod(pour) as port:
        assert (await asking.read(environment_on(port))).outcome == "failed"
    # What the sockets' buffers swallow; nothing of it is kept.
    assert sent < 32 * 1024 * 1024


async def test_a_pod_that_does_not_answer_is_left(asking: PodReports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "SECONDS", 0.2)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Slow: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with PodReports(lambda _: "credential") as impatient:
        for serve in (hang, trickle):
            async with running_tcp_pod(serve) as port:
                assert await impatient.read(environment_on(port)) == Reading("failed")


async def test_without_its_credential_a_pod_is_not_asked() -> None:
    async with running_pod(answering()) as pod, PodReports(lambda _: None) as unable:
        assert await unable.read(environment_on(pod.port)) == Reading("failed")
    assert pod.seen == []


async def test_a_pod_that_is_not_there(asking: PodReports) -> None:
    assert await asking.read(environment_on(1)) == Reading("failed")
    assert await asking.read(make_environment(make_instance(), None)) == Reading("failed")


async def test_answers_that_are_no_http(asking: PodReports) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 4)
        await writer.drain()

    async with running_tcp_pod(nonsense) as port:
        assert (await asking.read(environment_on(port))).outcome == "failed"
