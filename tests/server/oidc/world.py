"""What the tests of the sign-in have around them."""

import dataclasses
from typing import Any

from yarl import URL

from tests.server.support import Answer, Browser, Clock, Harness
from tests.support.identity import IdentityProvider, agree


@dataclasses.dataclass
class World:
    """A server, its provider, and a browser that knows neither yet."""

    server: Harness
    provider: IdentityProvider
    browser: Browser
    clock: Clock

    @property
    def callback(self) -> str:
        return f"{self.server.origin}/signin/callback"

    async def begin(self, browser: Browser | None = None, *, next_address: str = "/") -> str:
        """Presses the button; returns the provider's address that the browser is sent to."""
        chosen = browser or self.browser
        answer = await chosen.navigate(f"{self.server.origin}/signin/provider", params={"next": next_address})
        assert answer.status == 302, answer.text
        return answer.headers["Location"]

    async def agree(self, location: str, browser: Browser | None = None, *, sub: str = "1001") -> URL:
        """The provider's half; returns the callback, which nobody has called yet."""
        return await agree(browser or self.browser, location, sub=sub, until=self.callback)

    async def sign_in(self, browser: Browser | None = None, *, sub: str = "1001", next_address: str = "/") -> Answer:
        """The whole way; returns the answer of our callback."""
        chosen = browser or self.browser
        location = await self.begin(chosen, next_address=next_address)
        return await chosen.navigate(str(await self.agree(location, chosen, sub=sub)))

    async def me(self, browser: Browser | None = None) -> Any:
        """Who the browser is to the API, None for a stranger."""
        answer = await (browser or self.browser).get(f"{self.server.origin}/api/v1/me")
        assert answer.status in (200, 401)
        return answer.json() if answer.status == 200 else None
