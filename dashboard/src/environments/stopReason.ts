import type { EnvironmentView } from "../api/schema";
import { isKnown, type Translate } from "../i18n";

/** Why it stopped: as the person wrote who stopped it, or in words where there are any; the code itself for one that is new here. */
export function stopReasonOf(environment: EnvironmentView, t: Translate): string {
  const note = environment.stopNote;
  if (note !== null) {
    return t("stopped-by", { name: note.by, reason: note.reason });
  }
  const key = `stopped.${environment.stopReason}`;
  return isKnown(key) ? t(key) : (environment.stopReason ?? "");
}
