import type { EnvironmentView, StageView } from "../api/schema";
import { isKnown, type TextKey, type Texts, useTexts } from "../i18n";
import { formatSoonest } from "../model/clock";
import { formatDuration, formatMoment } from "../model/times";
import { Status } from "../ui/Status";
import styles from "./Condition.module.css";
import { StopClock } from "./StopClock";
import { stopReasonOf } from "./stopReason";
import { useNow } from "./useNow";

/** What goes on without anybody's doing; the operator's own sentences are English. */
const GOES_ON: Readonly<Record<string, TextKey>> = {
  Starting: "list.starting",
  Stopping: "list.stopping",
  Deleting: "list.deleting",
};

/** Phase and, below it, what there is to know about it: the trouble's title, how far a start has come, why it stopped. */
export function Condition({ environment }: { readonly environment: EnvironmentView }) {
  const texts = useTexts();
  const second = secondLine(environment, texts);
  return (
    <div className={styles.condition}>
      <Status phase={environment.phase} />
      {environment.trial && <span className={styles.outdated}>{texts.t("trial.badge")}</span>}
      {environment.safeMode && <span className={styles.outdated}>{texts.t("safe.badge")}</span>}
      {environment.templateOutdated && environment.phase === "Running" && (
        <span className={styles.outdated}>{texts.t("phase.NeedsRestart")}</span>
      )}
      {second !== "" ? <div className={styles.second}>{second}</div> : <Progress environment={environment} />}
      {environment.phase === "Running" && environment.stopsAt !== null && (
        <StopClock environment={{ ...environment, stopsAt: environment.stopsAt }} />
      )}
    </div>
  );
}

/** A failure's title in the person's language; empty where nothing is wrong, and for a reason that is new here. */
export function reasonTitle(reason: string, texts: Texts): string {
  const key = `reason.${reason}`;
  return isKnown(`what.${reason}`) && isKnown(key) ? texts.t(key) : "";
}

/** How many start before it; empty for one that does not wait for its turn. */
export function placeInQueue({ queue }: EnvironmentView, { t }: Texts): string {
  return queue === null ? "" : t("quota.place", { position: queue.position, total: queue.total });
}

/** What the clock does to a stopped one. */
function nextOf({ startsAt, deletesAt }: EnvironmentView, { t }: Texts): string {
  if (startsAt !== null) {
    return t("stopped.starts", { time: formatSoonest(startsAt, Date.now()) });
  }
  return deletesAt === null ? "" : t("stopped.removed", { time: formatSoonest(deletesAt, Date.now()) });
}

function secondLine(environment: EnvironmentView, texts: Texts): string {
  if (environment.phase === "Stopped") {
    const moment = environment.stoppedAt === null ? "" : formatMoment(environment.stoppedAt);
    return [stopReasonOf(environment, texts.t), moment, nextOf(environment, texts)].filter(Boolean).join(" · ");
  }
  if (environment.phase === "Running" && environment.stopsAt !== null) {
    return "";
  }
  if (environment.phase === "Running") {
    const took = Date.parse(environment.readyAt ?? "") - Date.parse(environment.startedAt ?? "");
    return took >= 0 ? texts.t("list.started-in", { duration: formatDuration(took, texts.tag) }) : "";
  }
  return [reasonTitle(environment.reason, texts), placeInQueue(environment, texts)].filter(Boolean).join(" · ");
}

/** How far a start has come; for a reason that is new here, what the operator says. */
function Progress({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const { phase, reason, message, startup } = environment;
  const stage = phase === "Provisioning" ? startup?.stages.find(({ state }) => state === "running") : undefined;
  const words = GOES_ON[reason];
  if (phase === "Running" || phase === "Stopped" || (stage === undefined && !words && message === "")) {
    return null;
  }
  return (
    <div className={styles.second}>
      {stage !== undefined ? <StageClock stage={stage} /> : words ? t(words) : <span lang="en">{message}</span>}
    </div>
  );
}

function StageClock({ stage }: { readonly stage: StageView }) {
  const { t, tag } = useTexts();
  const now = useNow(1000);
  const took = stage.startedAt === null ? 0 : Math.max(0, now - Date.parse(stage.startedAt));
  return t("list.stage", { stage: t(`detail.stage.${stage.id}`), duration: formatDuration(took, tag) });
}
