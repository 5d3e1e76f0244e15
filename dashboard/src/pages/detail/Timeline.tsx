import { IconCircle, IconCircleCheck } from "@tabler/icons-react";
import type { EnvironmentView } from "../../api/schema";
import { stopReasonOf } from "../../environments/stopReason";
import { useTexts } from "../../i18n";
import { formatDuration, formatMoment } from "../../model/times";
import styles from "./DetailPage.module.css";

const STEPS = ["made", "placed", "started", "answers"] as const;

/** How far a start has come, and the moments that are known. */
export function Timeline({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const starting = environment.phase === "Pending" || environment.phase === "Provisioning";
  return (
    <>
      {starting && (
        <>
          <h2 className={styles.heading}>{t("detail.steps")}</h2>
          <ol className={styles.steps}>
            {STEPS.map((step) => {
              const done = step !== "answers" && environment.progress[step];
              const Icon = done ? IconCircleCheck : IconCircle;
              return (
                <li key={step} data-step={step} data-done={done}>
                  <Icon size={16} aria-hidden /> {t(`detail.step.${step}`)}
                  <span className={styles.unseen}>{t(done ? "detail.step.done" : "detail.step.open")}</span>
                </li>
              );
            })}
          </ol>
        </>
      )}
      <h2 className={styles.heading}>{t("detail.moments")}</h2>
      <Moments environment={environment} />
    </>
  );
}

function Moments({ environment }: { readonly environment: EnvironmentView }) {
  const { t, tag } = useTexts();
  const { createdAt, startedAt, readyAt, stoppedAt } = environment;
  const took = Date.parse(readyAt ?? "") - Date.parse(startedAt ?? "");
  const known: readonly [time: string | null, text: string][] = [
    [createdAt, t("detail.moment.created")],
    [startedAt, t("detail.moment.started")],
    [took >= 0 ? readyAt : null, t("detail.moment.ready", { duration: formatDuration(took, tag) })],
    [stoppedAt, stopReasonOf(environment, t) || t("detail.moment.stopped")],
  ];
  const moments = known
    .filter((moment): moment is [string, string] => moment[0] !== null && moment[0] !== "")
    .sort(([one], [other]) => Date.parse(other) - Date.parse(one));
  return (
    <ol className={styles.moments}>
      {moments.map(([time, text]) => (
        <li key={time + text}>
          <time dateTime={time}>{formatMoment(time)}</time> {text}
        </li>
      ))}
    </ol>
  );
}
