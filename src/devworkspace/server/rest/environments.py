"""The environments that somebody may open, as a page, and the way into one."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import quote

import structlog
from aiohttp import web

from devworkspace.core.access import Identity, asks_to_start
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube.clock import now
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import AWAY_RETRY_SECONDS, Answers, language_of
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.authorizer import MANAGE, Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import OPEN_PATH, Environment, EnvironmentTable, open_path, shown_phase
from devworkspace.server.heads import make_knock
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import LimitedError
from devworkspace.server.pages.html import EnvironmentView, away_page, list_page, missing_page
from devworkspace.server.pages.texts import LANGUAGE_COOKIE
from devworkspace.server.sessions import Session
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
# A label of a host name has 63 characters at most.
MAX_LABEL = 70
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
        lifecycle: Lifecycle,
        audit: Audit,
    ) -> None:
        self._audit = audit
        self._public = public
        self._lifecycle = lifecycle
        self._table = table
        self._authorizer = authorizer
        self._session = session
        self._answers = Answers(public)

    @property
    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "/"): self.show,
            ("GET", OPEN_PATH): self.open,
        }

    async def show(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self._session(request)
        if session is None:
            return self._answers.redirect("/signin?next=" + quote("/", safe=""))
        views = await self.visible_to(session.identity)
        response = self._answers.page(list_page(views, user=session.name, language=language_of(request)))
        if request.query.get("lang") in ("en", "zh"):
            self._answers.set_cookie(response, LANGUAGE_COOKIE, request.query["lang"], seconds=LANGUAGE_SECONDS)
        return response

    async def open(self, request: web.BaseRequest) -> web.StreamResponse:
        """The way from our own pages into an environment, which starts a stopped one.

        An environment's host cannot tell a link of ours from one of another site, because each host is a site.
        """
        session, environment_id = self._session(request), request.query.get("env", "")
        if session is None:
            return self._answers.redirect("/signin?next=" + quote(open_path(environment_id), safe=""))
        environment = self._table.find(environment_id)
        if environment is None or not await self._authorizer.may_enter(session.identity, environment):
            by = Actor(session.name, source_of(request))
            self._audit.record("open", "denied", by, address=environment_id[:MAX_LABEL], reason="right")
            return self._not_found(request)
        knock = make_knock(request.method, request.headers, origin=self._public.origin)
        if asks_to_start(knock, environment.door) and await self._authorizer.has(session.identity, environment, MANAGE):
            await self._start(request, session=session, environment=environment)
        return self._answers.redirect(self._public.environment_url(environment.key))

    async def _start(self, request: web.BaseRequest, *, session: Session, environment: Environment) -> None:
        try:
            await self._lifecycle.start(environment, Actor(session.name, source_of(request)))
        except (KubeError, LimitedError) as error:
            # The page at the environment's address says that it is stopped, and has a button.
            log.warning("environment not started", environment=str(environment.key), error=str(error))

    def _not_found(self, request: web.BaseRequest) -> web.Response:
        language = language_of(request)
        if self._authorizer.is_away():
            return self._answers.page(
                away_page(link="/", language=language), status=503, retry_after=AWAY_RETRY_SECONDS
            )
        page = missing_page("missing.environment", link="/", language=language)
        return self._answers.page(page, status=404)

    async def visible_to(self, identity: Identity) -> list[EnvironmentView]:
        """What the person may open, by project and name."""
        environments = sorted(self._table.values(), key=lambda environment: environment.key)
        allowed = await self._authorizer.allowed_of(identity, environments)
        return [await self._view(identity, environment) for environment in allowed]

    async def _view(self, identity: Identity, environment: Environment) -> EnvironmentView:
        may_enter = await self._authorizer.may_enter(identity, environment)
        return make_view(environment, self._public, may_enter=may_enter, now=now())


def make_view(environment: Environment, public: PublicAddress, *, may_enter: bool, now: datetime) -> EnvironmentView:
    # A status is written by the operator, but a link is a link: nothing but a web address may become one.
    url = environment.url or ""
    if not url.startswith(("http://", "https://")):
        url = public.environment_url(environment.key)
    phase = shown_phase(environment)
    last = environment.instance.status.last_activity
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
        open_path=open_path(environment.id),
        can_open=may_enter and phase in ("Running", "Stopped"),
        unused=now - parse_timestamp(last) if last is not None else None,
    )
