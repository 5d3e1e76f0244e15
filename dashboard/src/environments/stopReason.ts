import type { EnvironmentView } from "../api/schema";
import { isKnown, type Translate } from "../i18n";

/** Why it stopped, in words where there are any; the code itself for one that is new here. */
export function stopReasonOf(environment: EnvironmentView, t: Translate): string {
  const key = `stopped.${environment.stopReason}`;
  return isKnown(key) ? t(key) : (environment.stopReason ?? "");
}
