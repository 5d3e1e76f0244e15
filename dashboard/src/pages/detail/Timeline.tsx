import { IconCircle, IconCircleCheck, IconCircleDashed, IconCircleX } from "@tabler/icons-react";
import type { EnvironmentView, StageView, StartupView } from "../../api/schema";
import { stopReasonOf } from "../../environments/stopReason";
import { useNow } from "../../environments/useNow";
import { useTexts } from "../../i18n";
import { formatDuration, formatMoment } from "../../model/times";
import styles from "./DetailPage.module.css";

/** The stages of the present or last start with their seconds, and the moments that are known. */
export function Timeline({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  return (
    <>
      {environment.startup !== null && <Stages startup={environment.startup} failedAt={failureOf(environment)} />}
      <h2 className={styles.heading}>{t("detail.moments")}</h2>
      <Moments environment={environment} />
    </>
  );
}

/** When the start was given up, so that its seconds do not go on; undefined where it was not. */
function failureOf({ phase, conditions }: EnvironmentView): number | undefined {
  const ready = conditions.find(({ type }) => type === "Ready");
  return phase === "Failed" && ready !== undefined ? Date.parse(ready.lastTransitionTime) : undefined;
}

const STAGE_ICONS = {
  waiting: IconCircle,
  running: IconCircleDashed,
  done: IconCircleCheck,
  failed: IconCircleX,
} as const;

interface StagesProps {
  readonly startup: StartupView;
  readonly failedAt: number | undefined;
}

/** The stages of a start with their seconds. */
export function Stages({ startup, failedAt }: StagesProps) {
  const { t, tag } = useTexts();
  const time = useNow(1000);
  const now = failedAt ?? time;
  const { usual } = startup;
  const spans = startup.stages.map((stage) => spanOf(stage, now));
  const begin = Date.parse(startup.requestedAt);
  const total = Math.max(1000, ...spans.map((span) => (span?.end ?? begin) - begin));
  const late = usual !== null && startup.stages.at(-1)?.state !== "done" && total > usual.p95 * 1000;
  return (
    <>
      <h2 className={styles.heading}>{t("detail.steps")}</h2>
      <p className={styles.sentence} data-total-ms={total}>
        {t("detail.total", { duration: formatDuration(total, tag) })}
        {usual !== null &&
          ` ${t("detail.usual", {
            median: formatDuration(usual.median * 1000, tag),
            p95: formatDuration(usual.p95 * 1000, tag),
          })}`}
        {late && ` ${t("detail.late")}`}
      </p>
      <ol className={styles.steps}>
        {startup.stages.map((stage, index) => {
          const state = stage.state === "running" && failedAt !== undefined ? "failed" : stage.state;
          const Icon = STAGE_ICONS[state];
          const span = spans[index];
          const took = span === undefined ? undefined : span.end - span.start;
          return (
            <li
              key={stage.id}
              data-stage={stage.id}
              data-state={state}
              data-ms={stage.state === "done" ? took : undefined}
            >
              <Icon size={16} aria-hidden />
              <span className={styles.stage}>{t(`detail.stage.${stage.id}`)}</span>
              <span className={styles.unseen}>{t(`detail.step.${state}`)}</span>
              <span className={styles.seconds}>{took !== undefined && formatDuration(took, tag)}</span>
              <span className={styles.track} aria-hidden>
                {span !== undefined && (
                  <span
                    className={styles.span}
                    style={{
                      marginInlineStart: `${(100 * Math.max(0, span.start - begin)) / total}%`,
                      width: `${(100 * (span.end - span.start)) / total}%`,
                    }}
                  />
                )}
              </span>
            </li>
          );
        })}
      </ol>
    </>
  );
}

/** When a stage began and ended, or how far it has come; undefined for one that has not begun. */
function spanOf({ startedAt, finishedAt }: StageView, now: number): { start: number; end: number } | undefined {
  if (startedAt === null) {
    return undefined;
  }
  const start = Date.parse(startedAt);
  return { start, end: Math.max(start, finishedAt === null ? now : Date.parse(finishedAt)) };
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
