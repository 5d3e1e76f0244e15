import { IconAlertTriangleFilled, IconCircleCheckFilled, IconHelpCircle } from "@tabler/icons-react";
import { useLive } from "../../api/live";
import { useTexts } from "../../i18n";
import { formatMoment } from "../../model/times";
import { Skeleton, VisuallyHidden } from "../../ui/kit";
import { Failure, Loading } from "../../ui/states";
import styles from "./AdminPage.module.css";
import { useSystem } from "./useAdmin";

const SIGNS = { ok: IconCircleCheckFilled, problem: IconAlertTriangleFilled, unknown: IconHelpCircle } as const;
type State = keyof typeof SIGNS;

/** Whether the parts work: a word for each and, where one does not, what that means and what to do. */
export function SystemStatus() {
  const { t } = useTexts();
  const system = useSystem();
  return (
    <section className={styles.system} aria-label={t("admin.system")}>
      <h2 className={styles.heading}>{t("admin.system")}</h2>
      {system.data === undefined && system.isError ? (
        <Failure error={system.error} onRetry={() => system.refetch()} />
      ) : system.data === undefined ? (
        <Loading onRetry={() => system.refetch()}>
          <Skeleton height={140} animate={false} />
        </Loading>
      ) : (
        <ul className={styles.checks}>
          {system.data.checks.map(({ id, state, detail, seen }) => (
            <Line
              key={id}
              id={id}
              state={state}
              title={t(`admin.part.${id}`)}
              sentence={
                state === "unknown"
                  ? t("admin.check.unknown")
                  : t(`admin.check.${id}.${state}`, {
                      detail: detail || t("unknown"),
                      seen: seen === null ? t("unknown") : formatMoment(seen),
                    })
              }
            />
          ))}
          <Stream />
          <Line
            id="address"
            state={system.data.addressMode === "path" ? "problem" : "ok"}
            title={t("admin.part.address")}
            sentence={t(`admin.check.address.${system.data.addressMode}`)}
          />
        </ul>
      )}
    </section>
  );
}

function Stream() {
  const { t } = useTexts();
  const { state } = useLive();
  const known = state.live ? "ok" : "problem";
  return <Line id="stream" state={known} title={t("admin.part.stream")} sentence={t(`admin.check.stream.${known}`)} />;
}

interface LineProps {
  readonly id: string;
  readonly state: State;
  readonly title: string;
  readonly sentence: string;
}

function Line({ id, state, title, sentence }: LineProps) {
  const { t } = useTexts();
  const Sign = SIGNS[state];
  return (
    <li className={styles.checkLine} data-check={id} data-state={state}>
      <Sign size={16} aria-hidden className={styles.sign} />
      <span>
        {title} <VisuallyHidden>{t(`admin.state.${state}`)}</VisuallyHidden>
      </span>
      <span className={styles.sentence}>{sentence}</span>
    </li>
  );
}
