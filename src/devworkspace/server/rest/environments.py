"""The way from our own pages into an environment."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

import structlog
from aiohttp import web

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.access import asks_to_start
from devworkspace.core.resolve import Refusal
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import AWAY_RETRY_SECONDS, Answers, language_of
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.authorizer import MANAGE, Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import OPEN_PATH, Environment, EnvironmentTable, open_path
from devworkspace.server.heads import make_knock
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import LimitedError
from devworkspace.server.pages.html import away_page, missing_page
from devworkspace.server.sessions import Session
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
# A label of a host name has 63 characters at most.
MAX_LABEL = 70


class Entrance:
    """The address behind every link "Open".

    `session` tells who asks, `folder` what is opened in the editor of the environment with a UID, if it matters.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        table: EnvironmentTable,
        authorizer: Authorizer,
        session: Callable[[web.BaseRequest], Session | None],
        lifecycle: Lifecycle,
        refuse_start: Callable[[WorkspaceInstance], Refusal | None],
        folder: Callable[[str], str | None],
        audit: Audit,
    ) -> None:
        self._folder = folder
        self._refuse_start = refuse_start
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
            ("GET", OPEN_PATH): self.open,
        }

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
        folder = self._folder(environment.uid)
        where = "?" + urlencode({"folder": folder}, safe="/") if folder is not None else ""
        return self._answers.redirect(self._public.environment_url(environment.key) + where)

    async def _start(self, request: web.BaseRequest, *, session: Session, environment: Environment) -> None:
        by = Actor(session.name, source_of(request))
        # The page at the environment's address says that it is stopped and why, and has a button.
        if self._refuse_start(environment.instance) is not None:
            self._audit.record("start", "denied", by, environment=environment.key, reason="share")
            return
        try:
            await self._lifecycle.start(environment, by)
        except (KubeError, LimitedError) as error:
            log.warning("environment not started", environment=str(environment.key), error=str(error))

    def _not_found(self, request: web.BaseRequest) -> web.Response:
        language = language_of(request)
        if self._authorizer.is_away():
            return self._answers.page(
                away_page(link="/", language=language), status=503, retry_after=AWAY_RETRY_SECONDS
            )
        page = missing_page("missing.environment", link="/", language=language)
        return self._answers.page(page, status=404)
