import { ApiError } from "../api/client";
import type { Translate } from "../i18n";

/** The words for an action that failed: the server's own where it said any. */
export function explain(error: unknown, t: Translate): string {
  if (error instanceof ApiError && error.status > 0 && error.message !== "") {
    return error.message;
  }
  return t(navigator.onLine ? "state.unreachable" : "state.offline");
}
