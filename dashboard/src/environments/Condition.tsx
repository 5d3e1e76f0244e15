import type { EnvironmentView } from "../api/schema";
import { isKnown, type Texts, useTexts } from "../i18n";
import { isTroubled } from "../model/phases";
import { formatDuration, formatMoment } from "../model/times";
import { Status } from "../ui/Status";
import styles from "./Condition.module.css";
import { stopReasonOf } from "./stopReason";

/** Phase and, below it, what there is to know about it: the trouble's title, the operator's sentence, why it stopped. */
export function Condition({ environment }: { readonly environment: EnvironmentView }) {
  const texts = useTexts();
  const second = secondLine(environment, texts);
  return (
    <div className={styles.condition}>
      <Status phase={environment.phase} />
      {environment.templateOutdated && environment.phase === "Running" && (
        <span className={styles.outdated}>{texts.t("phase.NeedsRestart")}</span>
      )}
      {second !== "" && <div className={styles.second}>{second}</div>}
    </div>
  );
}

/** A failure's title in the person's language; empty where nothing is wrong, and for a reason that is new here. */
export function reasonTitle(reason: string, texts: Texts): string {
  const key = `reason.${reason}`;
  return isKnown(`what.${reason}`) && isKnown(key) ? texts.t(key) : "";
}

function secondLine(environment: EnvironmentView, texts: Texts): string {
  if (environment.phase === "Stopped") {
    const moment = environment.stoppedAt === null ? "" : formatMoment(environment.stoppedAt);
    return [stopReasonOf(environment, texts.t), moment].filter(Boolean).join(" · ");
  }
  if (environment.phase === "Running") {
    const took = Date.parse(environment.readyAt ?? "") - Date.parse(environment.startedAt ?? "");
    return took >= 0 ? texts.t("list.started-in", { duration: formatDuration(took, texts.tag) }) : "";
  }
  return (isTroubled(environment) && reasonTitle(environment.reason, texts)) || environment.message;
}
