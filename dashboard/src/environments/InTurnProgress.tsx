import { useTexts } from "../i18n";
import { Button } from "../ui/kit";
import { LeaveDialog } from "../ui/LeaveDialog";
import styles from "./InTurnProgress.module.css";
import type { InTurn } from "./useInTurn";

/** How far work on many things has come, with the way to leave the rest; nobody leaves it by accident. */
export function InTurnProgress({ work }: { readonly work: InTurn }) {
  const { t } = useTexts();
  const { running, progress, halt } = work;
  return (
    <>
      {progress !== null && (
        <div className={styles.line} data-paced={progress.paced}>
          <progress className={styles.bar} value={progress.done} max={progress.count} aria-label={t("bulk.bar")} />
          <span className={styles.count}>{t("bulk.progress", { done: progress.done, count: progress.count })}</span>
          {progress.paced && <span className={styles.hint}>{t("bulk.paced")}</span>}
          <Button variant="default" size="xs" className={styles.halt} onClick={halt}>
            {t("bulk.halt")}
          </Button>
        </div>
      )}
      {running && <LeaveDialog unsaved text={t("bulk.leaving")} />}
    </>
  );
}
