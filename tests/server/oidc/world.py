"""What the tests of the sign-in have around them."""

import dataclasses
from typing import Any, Generic, Protocol, TypeVar

from yarl import URL

from tests.server.support import Answer, Browser, Clock, Harness
from tests.support.identity import IdentityProvider


class AnyProvider(Protocol):
    """A provider as people meet it."""

    @property
    def issuer(self) -> str: ...

    async def agree(self, browser: Browser, location: str, *, who: str, until: str) -> URL:
        """Signs in on the provider's pages as a person does; returns where they lead, which begins with `until`."""


P = TypeVar("P", bound=AnyProvider)


@dataclasses.dataclass(kw_only=True)
class Visit(Generic[P]):
    """A browser that knows neither our server at `origin` nor its provider yet, and `who` sits at it."""

    origin: str
    provider: P
    browser: Browser
    who: str = "1001"

    @property
    def callback(self) -> str:
        return f"{self.origin}/signin/callback"

    async def begin(self, browser: Browser | None = None, *, next_address: str = "/") -> str:
        """Presses the button; returns the provider's address that the browser is sent to."""
        chosen = browser or self.browser
        answer = await chosen.navigate(f"{self.origin}/signin/provider", params={"next": next_address})
        assert answer.status == 302, answer.text
        return answer.headers["Location"]

    async def agree(self, location: str, browser: Browser | None = None, *, who: str | None = None) -> URL:
        """The provider's half; returns the callback, which nobody has called yet."""
        return await self.provider.agree(browser or self.browser, location, who=who or self.who, until=self.callback)

    async def sign_in(
        self, browser: Browser | None = None, *, who: str | None = None, next_address: str = "/"
    ) -> Answer:
        """The whole way; returns the answer of our callback."""
        chosen = browser or self.browser
        location = await self.begin(chosen, next_address=next_address)
        return await chosen.navigate(str(await self.agree(location, chosen, who=who)))

    async def me(self, browser: Browser | None = None) -> Any:
        """Who the browser is to the API, None for a stranger."""
        answer = await (browser or self.browser).get(f"{self.origin}/api/v1/me")
        assert answer.status in (200, 401)
        return answer.json() if answer.status == 200 else None


@dataclasses.dataclass(kw_only=True)
class World(Visit[IdentityProvider]):
    """With all of it in the test's hand, the time too."""

    server: Harness
    clock: Clock
