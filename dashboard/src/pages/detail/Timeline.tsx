import { IconCircle, IconCircleCheck, IconCircleDashed } from "@tabler/icons-react";
import type { EnvironmentView, StartupView } from "../../api/schema";
import { stopReasonOf } from "../../environments/stopReason";
import { useTexts } from "../../i18n";
import { formatDuration, formatMoment } from "../../model/times";
import styles from "./DetailPage.module.css";

/** The stages of the present or last start with their seconds, and the moments that are known. */
export function Timeline({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  return (
    <>
      {environment.startup !== null && <Stages startup={environment.startup} />}
      <h2 className={styles.heading}>{t("detail.moments")}</h2>
      <Moments environment={environment} />
    </>
  );
}

const STAGE_ICONS = { waiting: IconCircle, running: IconCircleDashed, done: IconCircleCheck } as const;

function Stages({ startup }: { readonly startup: StartupView }) {
  const { t, tag } = useTexts();
  const { usual } = startup;
  return (
    <>
      <h2 className={styles.heading}>{t("detail.steps")}</h2>
      {usual !== null && (
        <p className={styles.sentence}>
          {t("detail.usual", {
            median: formatDuration(usual.median * 1000, tag),
            p95: formatDuration(usual.p95 * 1000, tag),
          })}
        </p>
      )}
      <ol className={styles.steps}>
        {startup.stages.map((stage) => {
          const Icon = STAGE_ICONS[stage.state];
          const took = Date.parse(stage.finishedAt ?? "") - Date.parse(stage.startedAt ?? "");
          return (
            <li key={stage.id} data-stage={stage.id} data-state={stage.state} data-ms={took >= 0 ? took : undefined}>
              <Icon size={16} aria-hidden /> {t(`detail.stage.${stage.id}`)}
              <span className={styles.unseen}>{t(`detail.step.${stage.state}`)}</span>
              {took >= 0 && <span className={styles.dim}>{formatDuration(took, tag)}</span>}
            </li>
          );
        })}
      </ol>
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
