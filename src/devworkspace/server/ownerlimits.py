"""The limits that an admin has set, as the watch on their ConfigMap tells them."""

import structlog

from devworkspace.api.surroundings import ConfigMap
from devworkspace.core.limits import Limits, read_limits

log = structlog.get_logger("devworkspace.server")


class OwnerLimits:
    """`now` holds; `on_object` is the informer's callback. Without a ConfigMap nothing is bounded."""

    def __init__(self, now: Limits = Limits()) -> None:  # noqa: B008 - immutable
        self.now = now

    def on_object(self, _: ConfigMap | None, new: ConfigMap | None) -> None:
        self.now = read_limits(new.data) if new is not None else Limits()
        if self.now.problem:
            log.error("the limits cannot be read, nothing new is started", problem=self.now.problem)
