"""Pages of other programs, used as a person does whose browser runs no scripts."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import NamedTuple

from yarl import URL

from tests.server.support import Answer, Browser

# More pages than any provider shows before it sends somebody back.
MAX_STEPS = 12


class Form(NamedTuple):
    action: str
    fields: dict[str, str]


class _Reader(HTMLParser):
    """Finds the first form, and in it what its first button sends."""

    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self._id: str | None = None
        self._inside = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form, self._inside, self._id = Form(given.get("action", ""), {}), True, given.get("id")
        elif tag in ("input", "button") and (self._inside or (self._id and given.get("form") == self._id)):
            self._note(given, kind=given.get("type", "text" if tag == "input" else "submit"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def _note(self, given: dict[str, str], *, kind: str) -> None:
        assert self.form is not None
        name = given.get("name", "")
        if kind == "submit":
            if self._pressed:
                return
            self._pressed = True
        if name and kind != "checkbox":
            self.form.fields[name] = given.get("value", "")


def first_form(page: str) -> Form | None:
    reader = _Reader()
    reader.feed(page)
    return reader.form


async def follow(browser: Browser, location: str, *, until: str, answers: Mapping[str, str]) -> URL:
    """Goes where the pages lead, with `answers` for the fields that ask; the address that begins with `until` is not
    called any more.
    """
    address = URL(location)
    for _ in range(MAX_STEPS):
        if str(address).startswith(until):
            return address
        page = await browser.navigate(str(address))
        if page.status == 200:
            page = await submit(browser, address, page, answers=answers)
        assert page.status in (302, 303), (str(address), page.status, page.text[:2000])
        address = address.join(URL(page.headers["Location"], encoded=True))
    raise AssertionError(f"the pages led nowhere: {address}")


async def submit(browser: Browser, address: URL, page: Answer, *, answers: Mapping[str, str]) -> Answer:
    """Fills the first form of a page and sends it."""
    form = first_form(page.text)
    assert form is not None, page.text[:2000]
    fields = {name: answers.get(name, value) for name, value in form.fields.items()}
    return await browser.post(str(address.join(URL(form.action))), data=fields)
