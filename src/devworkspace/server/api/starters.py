"""Templates to begin with, for those who may publish them."""

from collections.abc import Sequence

from devworkspace.api.template import TemplateSpec
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CREATE_TEMPLATE, EVERYTHING, Authorizer
from devworkspace.server.starters import Starter


class StarterView(View, frozen=True):
    """What POST of a template takes."""

    name: str
    spec: TemplateSpec


class StarterList(View, frozen=True):
    items: tuple[StarterView, ...]


class Starters:
    """Only offers them: who publishes one does it in the way of every other template."""

    def __init__(self, *, starters: Sequence[Starter], catalogue: Catalogue, authorizer: Authorizer) -> None:
        self._starters = starters
        self._catalogue = catalogue
        self._authorizer = authorizer

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/starter-templates",
                self.list,
                "Templates that this product brings along and the catalogue does not have",
                StarterList,
                problems=(403,),
                right="`create ideworkspacetemplates`",
            ),
        )

    async def list(self, call: Call) -> StarterList:
        if await self._authorizer.answer(call.identity, EVERYTHING, CREATE_TEMPLATE) is not True:
            raise Problem(403, "You may not create templates; ask an administrator.")
        missing = [starter for starter in self._starters if self._catalogue.template(starter.name) is None]
        return StarterList(items=tuple(StarterView(starter.name, starter.spec) for starter in missing))
