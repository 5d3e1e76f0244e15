import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { explain } from "./explain";
import type { Outcome } from "./inTurn";
import styles from "./NotDone.module.css";

/** What of many was not done: each that was refused in the server's words, and how many were left. */
export function NotDone({ outcomes }: { readonly outcomes: readonly Outcome<EnvironmentView>[] }) {
  const { t } = useTexts();
  const left = outcomes.filter(({ result }) => result === "left").length;
  if (outcomes.every(({ result }) => result === "done")) {
    return null;
  }
  return (
    <div role="alert" className={styles.lines}>
      {outcomes.map(
        (outcome) =>
          outcome.result === "failed" && (
            <p key={outcome.item.uid} className={styles.line}>
              {t("done.failed", { name: outcome.item.displayName, message: explain(outcome.error, t) })}
            </p>
          ),
      )}
      {left > 0 && <p className={styles.line}>{t("bulk.left-count", { count: left })}</p>}
    </div>
  );
}
