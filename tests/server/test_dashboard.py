"""The dashboard's page and files, as a browser and a console's proxy fetch them."""

import gzip
import re
from pathlib import Path

import pytest
from yarl import URL

from devworkspace.server.dashboard.files import read_files
from tests.server.support import Browser, Harness, browsing, running_server

PAGES = (
    *("/", "/envs", "/envs/team/demo", "/envs/team/demo/timeline", "/new", "/disks"),
    *("/templates", "/templates/-/new", "/templates/python/edit"),
    *("/admin", "/me", "/start/team/demo"),
)


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_signs_in_and_comes_back_to_the_page(server: Harness, browser: Browser, path: str) -> None:
    await browser.sign_in()
    assert (await browser.navigate(server.origin + path)).url.path == path
    async with server.browser() as stranger:
        answer = await stranger.navigate(f"{server.origin}{path}?q=x")
    assert answer.status == 302
    wanted = URL(answer.headers["Location"])
    assert (wanted.path, wanted.query["next"]) == ("/signin", f"{path}?q=x")


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("/envs", "./assets/"),
        ("/envs/team/demo", "../../assets/"),
        ("/start/team/demo", "../../assets/"),
        ("/envs/team/demo/timeline", "../../../assets/"),
        ("/templates/-/new", "../../assets/"),
    ],
)
async def test_files_are_named_relative_to_the_page(
    server: Harness, browser: Browser, path: str, reference: str
) -> None:
    """A proxy puts a prefix before the address that nobody here knows."""
    await browser.sign_in()
    assert f'src="{reference}index-abcd1234.js"' in (await browser.navigate(server.origin + path)).text


async def test_the_page_is_never_kept_and_its_files_are_kept_for_ever(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    page = await browser.navigate(server.origin + "/envs")
    assert page.headers["Cache-Control"] == "no-store"
    script = await browser.get(server.origin + "/assets/index-abcd1234.js")
    assert (script.status, gzip.decompress(script.body)) == (200, b"long " * 400)
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.content_type == "text/javascript"


async def test_what_the_page_needs_comes_while_somebody_signs_in(server: Harness, browser: Browser) -> None:
    page = await browser.navigate(server.origin + "/signin")
    assert '<link rel="prefetch" href="/assets/index-abcd1234.js">' in page.text
    # Prefetching counts as whatever directive allows it: scripts and styles of this host.
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert (await browser.get(server.origin + "/assets/index-abcd1234.js")).status == 200, "no session is needed"


async def test_no_script_but_our_own_runs(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    pages = [await browser.navigate(server.origin + "/envs") for _ in range(2)]
    nonces = []
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        found = re.search(r"style-src 'self' 'nonce-([\w-]{20,})'", policy)
        assert found is not None
        assert f'content="{found[1]}"' in page.text
        nonces.append(found[1])
    assert nonces[0] != nonces[1], "a nonce is for one answer"


async def test_files_travel_compressed_where_the_browser_takes_it(server: Harness) -> None:
    head = "GET /assets/index-abcd1234.js HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{more}\r\n"
    plain = await server.raw(head.format(port=server.port, more="").encode())
    packed = await server.raw(head.format(port=server.port, more="Accept-Encoding: gzip\r\n").encode())
    assert b"Content-Encoding: gzip" in packed
    assert b"Content-Encoding" not in plain
    assert len(packed) < len(plain)


@pytest.mark.parametrize("path", ["/assets/none-abcd1234.js", "/assets/../page", "/assets/", "/assets/%2e%2e/x"])
async def test_what_was_not_built_is_not_there(server: Harness, browser: Browser, path: str) -> None:
    answer = await browser.get(server.origin + path)
    assert answer.status == 404


@pytest.mark.parametrize(
    "path", ["/envs/", "/envs/team", "/envs/TEAM/demo", "/envs/team/demo/x/y", "/new/x", "/admin/x"]
)
async def test_other_paths_are_no_pages(server: Harness, browser: Browser, path: str) -> None:
    await browser.sign_in()
    assert (await browser.navigate(server.origin + path)).status == 404


async def test_language_and_colours_are_there_with_the_first_byte(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    page = await browser.navigate(server.origin + "/envs?lang=zh&theme=dark")
    assert '<html lang="zh-CN" data-theme="dark">' in page.text
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("dw-lang=zh;")
    assert "HttpOnly" not in cookie, "the dashboard changes it"
    assert 'lang="zh-CN"' in (await browser.navigate(server.origin + "/envs")).text
    odd = await browser.navigate(server.origin + "/envs?lang=en&theme=%22x")
    assert '<html lang="en" data-theme="auto">' in odd.text


async def test_in_a_frame_it_sets_no_cookie_and_never_sends_away(server: Harness, browser: Browser) -> None:
    """The console's proxy signs its requests itself; a stranger gets the page, which says nothing about anybody."""
    page = await browser.navigate(server.origin + "/envs?embed=1&lang=zh")
    assert page.status == 200
    assert page.url.path == "/envs"
    assert "Set-Cookie" not in page.headers
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]


async def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async with running_server(tmp_path, files=None) as server, browsing(server.origin) as browser:
        await browser.sign_in()
        page = await browser.navigate(server.origin + "/envs")
        assert page.status == 503
        assert "dashboard/build.sh" in page.text
        assert (await browser.get(server.origin + "/assets/index-abcd1234.js")).status == 404


def test_a_build_is_read_from_its_folder(tmp_path: Path) -> None:
    assert read_files(tmp_path) is None
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "assets" / "index-Ab3_-xyz.js").write_bytes(b"x" * 5000)
    (tmp_path / "assets" / "icon-12345678.svg").write_bytes(b"<svg/>")
    (tmp_path / "assets" / "notes.txt").write_text("no hash, so not for ever")
    files = read_files(tmp_path)
    assert files is not None
    assert files.page == "page"
    assert set(files.assets) == {"index-Ab3_-xyz.js", "icon-12345678.svg"}
    assert files.assets["index-Ab3_-xyz.js"].content_type == "text/javascript"
    assert len(files.assets["index-Ab3_-xyz.js"].compressed or b"x" * 5000) < 5000
    assert files.assets["icon-12345678.svg"].compressed is None
