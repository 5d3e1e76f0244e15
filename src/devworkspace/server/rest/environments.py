"""The environments that somebody may open, as values, as JSON and as a page."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from devworkspace.core.access import Identity
from devworkspace.core.address import environment_url
from devworkspace.server.answers import Answers, language_of
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment, EnvironmentTable, shown_phase
from devworkspace.server.pages.html import EnvironmentView, list_page
from devworkspace.server.pages.texts import LANGUAGE_COOKIE
from devworkspace.server.sessions import Session

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
LANGUAGE_SECONDS = 365 * 24 * 3600


class EnvironmentList:
    """The room of the public host that shows environments. `session` tells who asks."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        table: EnvironmentTable,
        authorizer: Authorizer,
        session: Callable[[web.BaseRequest], Session | None],
    ) -> None:
        self._public = public
        self._table = table
        self._authorizer = authorizer
        self._session = session
        self._answers = Answers(public)

    @property
    def routes(self) -> dict[tuple[str, str], Handler]:
        return {("GET", "/"): self.show, ("GET", "/api/v1/environments"): self.read}

    async def show(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self._session(request)
        if session is None:
            return self._answers.redirect("/signin?next=" + quote("/", safe=""))
        views = await self.visible_to(session.identity)
        response = self._answers.page(list_page(views, user=session.name, language=language_of(request)))
        if request.query.get("lang") in ("en", "zh"):
            self._answers.set_cookie(response, LANGUAGE_COOKIE, request.query["lang"], seconds=LANGUAGE_SECONDS)
        return response

    async def read(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self._session(request)
        if session is None:
            return self._answers.problem(401, "Sign in first.")
        return self._answers.json({"items": await self.visible_to(session.identity)})

    async def visible_to(self, identity: Identity) -> list[EnvironmentView]:
        """What the person may open, by project and name."""
        environments = sorted(self._table.values(), key=lambda environment: environment.key)
        allowed = await self._authorizer.allowed_of(identity, environments)
        return [make_view(environment, self._public) for environment in allowed]


def make_view(environment: Environment, public: PublicAddress) -> EnvironmentView:
    # A status is written by the operator, but a link is a link: nothing but a web address may become one.
    url = environment.url or ""
    if not url.startswith(("http://", "https://")):
        url = environment_url(environment.key, gateway_url=public.origin)
    phase = shown_phase(environment)
    return EnvironmentView(
        uid=environment.uid,
        namespace=environment.key.namespace,
        name=environment.key.name,
        display_name=environment.display_name,
        owner=environment.owner or "",
        phase=phase,
        reason=environment.reason,
        message=environment.message,
        template=environment.template,
        url=url,
        can_open=phase == "Running",
    )
