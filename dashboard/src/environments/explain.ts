import { ApiError } from "../api/client";
import type { EnvironmentView } from "../api/schema";
import type { Translate } from "../i18n";
import { type Action, obstacleOf } from "../model/phases";
import { tellShortages } from "./shortages";

/** The words for an action that failed: the numbers of a limit, else the server's own where it said any. */
export function explain(error: unknown, t: Translate): string {
  if (error instanceof ApiError && error.shortages.length > 0) {
    return tellShortages(error, t);
  }
  if (error instanceof ApiError && error.status > 0 && error.message !== "") {
    return error.message;
  }
  return t(navigator.onLine ? "state.unreachable" : "state.offline");
}

/** What is against an action that an environment does not fit. */
export function explainObstacle(environment: EnvironmentView, action: Action, t: Translate): string {
  switch (obstacleOf(environment, action)) {
    case "right":
      return t("refused.manage");
    case "template":
      return t("refused.template");
    default:
      return t("refused.phase", { phase: t(`phase.${environment.phase}`) });
  }
}
