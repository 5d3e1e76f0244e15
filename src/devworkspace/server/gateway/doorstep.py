"""What stands at an environment's address while its editor is not there: a page, its news, and its buttons."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.access import Verdict
from devworkspace.core.repository import RepositoryState
from devworkspace.core.resolve import Refusal
from devworkspace.kube.clock import now
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import Answers, language_of
from devworkspace.server.audit import Action, Actor, Audit
from devworkspace.server.authorizer import MANAGE, Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment, shown_phase
from devworkspace.server.heads import is_navigation, is_safe_path, is_same_origin
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import LimitedError
from devworkspace.server.pages.html import Button, Link, phase_main, phase_page
from devworkspace.server.pages.repository import Clone
from devworkspace.server.pages.starting import Start
from devworkspace.server.pages.texts import Language, status_sentence, text
from devworkspace.server.sessions import Session
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

STATE_PATH: Final = "/-/state"
START_PATH: Final = "/-/start"
RESTART_PATH: Final = "/-/restart"
CANCEL_PATH: Final = "/-/cancel"
LOG_PATH: Final = "/-/log"
_ACTIONS: Final[dict[str, Action]] = {START_PATH: "start", RESTART_PATH: "restart", CANCEL_PATH: "stop"}
# A script that runs in the editor has these addresses, too: it ends nothing in which somebody works.
_RESTARTABLE: Final = frozenset({"Failed"})
_CANCELLABLE: Final = frozenset({"Pending", "Provisioning"})
# Phases in which the steps of a start say how far it is, or how far it came.
_STARTING: Final = frozenset({"Pending", "Provisioning", "Failed", "Running"})
_NOT_THERE: Final = {
    Verdict.WAIT: "The environment is not running yet; try again in a moment.",
    Verdict.START: "The environment is not running yet; try again in a moment.",
    Verdict.STOPPED: "The environment is stopped.",
    Verdict.FAILED: "The environment has failed.",
}


class Doorstep:
    """The caller has found out that the person may open the environment.

    `refuse_start` says which limit keeps a stopped one from starting. Nothing is written then: one that waited for room
    would start when nobody is there any more. The page tells the numbers, and has the button for another try.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        lifecycle: Lifecycle,
        authorizer: Authorizer,
        refuse_start: Callable[[WorkspaceInstance], Refusal | None],
        startup: Callable[[Environment], Start | None],
        read_log: Callable[[Environment], Awaitable[str]],
        repository_state: Callable[[str], RepositoryState | None],
        audit: Audit,
    ) -> None:
        self._refuse_start = refuse_start
        self._startup = startup
        self._read_log = read_log
        self._repository_state = repository_state
        self._audit = audit
        self._public = public
        self._lifecycle = lifecycle
        self._authorizer = authorizer
        self._answers = Answers(public)

    async def receive(
        self, request: web.BaseRequest, verdict: Verdict, *, base: str, session: Session, environment: Environment
    ) -> web.Response:
        """Answers a request that the phase keeps from the editor; starts the environment on `Verdict.START`.

        `base` is what stands before the environment's paths: empty, where it has a host of its own.
        """
        failure = None
        if verdict is Verdict.START:
            failure = await self._start(request, session=session, environment=environment)
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(503, _NOT_THERE[verdict], retry_after=2)
        language = language_of(request)
        main = await self._main(session, environment, language, base=base, alert=failure)
        page = phase_page(environment.display_name, self._phase(environment), main, language=language, base=base)
        return self._answers.page(page, status=503, retry_after=2)

    def unreachable(self, request: web.BaseRequest, environment: Environment) -> web.Response:
        """The pod is there and takes no connection."""
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(502, "The environment's editor does not answer.", retry_after=2)
        language = language_of(request)
        main = phase_main(
            name=environment.display_name,
            phase="Unreachable",
            hint=text("wait.unreachable", language),
            language=language,
        )
        page = phase_page(environment.display_name, "Unreachable", main, language=language, script=False)
        return self._answers.page(page, status=502, retry_after=2)

    async def state(
        self, request: web.BaseRequest, *, base: str, session: Session, environment: Environment
    ) -> web.Response:
        """What the page shows now; `open` once there is an editor to go to, `cancel` and `log` while there is any use.

        `more`: who stays will hear how the clone of the repository has ended. `now` is this clock's milliseconds: the
        page counts a step's seconds with its own.
        """
        main = await self._main(session, environment, language_of(request), base=base)
        phase, clone = self._phase(environment), self._clone(environment)
        opened = environment.phase == "Running" and environment.upstream is not None and not environment.deleting
        told = {
            "open": opened,
            "main": main,
            "now": int(now().timestamp() * 1000),
            "failed": phase == "Failed",
            "log": environment.progress.made,
            "more": clone is not None and clone.is_open,
            "cancel": phase in _CANCELLABLE and await self._authorizer.has(session.identity, environment, MANAGE),
        }
        return self._answers.json(told)

    async def output(self, environment: Environment) -> web.Response:
        """The last lines of its container."""
        try:
            return self._answers.json({"log": await self._read_log(environment)})
        except KubeError:
            return self._answers.problem(503, "The output cannot be read now; try again in a moment.", retry_after=2)

    async def press(
        self, request: web.BaseRequest, path: str, *, origin: str, base: str, session: Session, environment: Environment
    ) -> web.Response:
        """The buttons of the page at `origin`. Returns to the page, which tells what became of it.

        A start is cancelled by the page's script, which stays: to come back here as a person would start it again.
        """
        by, action = Actor(session.name, source_of(request)), _ACTIONS[path]
        if not is_same_origin(request.headers, origin):
            self._audit.record(action, "denied", by, environment=environment.key, reason="origin")
            return self._answers.problem(403, "Requests from pages of other sites are not accepted.")
        if not await self._authorizer.has(session.identity, environment, MANAGE):
            self._audit.record(action, "denied", by, environment=environment.key, reason="right")
            return self._answers.problem(403, "You may open this environment, but not start it.")
        if path == CANCEL_PATH and self._phase(environment) not in _CANCELLABLE:
            return self._answers.problem(409, "It is not starting, so there is no start to cancel.")
        try:
            await self._do(path, environment, by)
        except LimitedError as error:
            return self._answers.problem(429, str(error), retry_after=error.seconds)
        except KubeError as error:
            log.warning("a button had no effect", action=action, environment=str(environment.key), error=str(error))
            return self._answers.problem(503, "The cluster does not answer; try again in a moment.", retry_after=2)
        if path == CANCEL_PATH:
            return self._answers.empty()
        target = request.query.get("next", "/")
        return self._answers.redirect(base + (target if is_safe_path(target) else "/"), status=303)

    async def _do(self, path: str, environment: Environment, by: Actor) -> None:
        if path == CANCEL_PATH:
            await self._lifecycle.stop(environment, by)
        elif self._refuse_start(environment.instance) is not None:
            self._audit.record(_ACTIONS[path], "denied", by, environment=environment.key, reason="share")
        elif path == START_PATH:
            await self._lifecycle.start(environment, by)
        elif self._phase(environment) in _RESTARTABLE:
            await self._lifecycle.restart(environment, by)
        else:
            self._audit.record("restart", "denied", by, environment=environment.key, reason="phase")

    async def _start(self, request: web.BaseRequest, *, session: Session, environment: Environment) -> str | None:
        by = Actor(session.name, source_of(request))
        if self._refuse_start(environment.instance) is not None:
            self._audit.record("start", "denied", by, environment=environment.key, reason="share")
            return None
        try:
            await self._lifecycle.start(environment, by)
        except LimitedError as error:
            return text("start.limited", language_of(request), seconds=error.seconds)
        except KubeError as error:
            log.warning("environment not started", environment=str(environment.key), error=str(error))
            return text("start.failed", language_of(request))
        return None

    def _clone(self, environment: Environment) -> Clone | None:
        git = environment.instance.spec.git
        return Clone(git, self._repository_state(environment.uid)) if git is not None else None

    def _phase(self, environment: Environment) -> str:
        phase = shown_phase(environment)
        return "Provisioning" if phase == "Stopped" and self._lifecycle.is_starting(environment) else phase

    async def _main(
        self, session: Session, environment: Environment, language: Language, *, base: str, alert: str | None = None
    ) -> str:
        phase, button, link = self._phase(environment), None, None
        hint = "" if phase == "Running" else text("wait.hint", language)
        stale = phase != shown_phase(environment)
        if phase in ("Stopped", "Failed"):
            may = await self._authorizer.has(session.identity, environment, MANAGE)
            hint = text(f"{phase.lower()}.{'hint' if may else 'foreign'}", language)
            if may:
                path = START_PATH if phase == "Stopped" else RESTART_PATH
                button = Button(base + path, text(f"{phase.lower()}.button", language))
                refusal = self._refuse_start(environment.instance)
                if alert is None and refusal is not None:
                    alert = status_sentence(refusal.reason, refusal.message, language)
                    link = Link(f"{self._public.origin}/envs?state=running", text("running.link", language))
        return phase_main(
            name=environment.display_name,
            phase=phase,
            reason="" if stale else environment.reason,
            message="" if stale else environment.message,
            alert=alert,
            hint=hint,
            start=self._startup(environment) if phase in _STARTING else None,
            clone=self._clone(environment) if phase in _STARTING else None,
            button=button,
            link=link,
            language=language,
        )
