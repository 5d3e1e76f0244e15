"""What an environment says of its Git repository, asked now."""

from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.viewing import make_git_view
from devworkspace.server.api.views import GitView
from devworkspace.server.repositories import Repositories


class Git:
    """The address of an environment's repository."""

    def __init__(self, *, lookup: Lookup, repositories: Repositories) -> None:
        self._lookup = lookup
        self._repositories = repositories

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/git",
                self.read,
                "Ask its pod about its repository; one that does not answer: what it said last",
                GitView,
                problems=(404,),
                right=TO_OPEN,
            ),
        )

    async def read(self, call: Call) -> GitView:
        environment = await self._lookup.find(call)
        git = environment.instance.spec.git
        if git is None:
            raise Problem(404, "This environment has no Git repository; only a new one can be made with one.")
        return make_git_view(git, await self._repositories.ask(environment))
