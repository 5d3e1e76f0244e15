import { IconX } from "@tabler/icons-react";
import type { EnvironmentView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { ActionIcon } from "../../ui/kit";
import styles from "./BulkBar.module.css";

/** What became of one of many: done, refused by the server, or left alone because the action does not fit it. */
export interface Outcome {
  readonly environment: EnvironmentView;
  readonly result: "done" | "failed" | "skipped";
  readonly text: string;
}

interface BulkResultProps {
  readonly outcomes: readonly Outcome[];
  readonly onClose: () => void;
}

/** A line for each of many, until it is put away. */
export function BulkResult({ outcomes, onClose }: BulkResultProps) {
  const { t } = useTexts();
  const done = outcomes.filter(({ result }) => result === "done").length;
  return (
    <section aria-label={t("bulk.results")} className={styles.results}>
      <div className={styles.summary}>
        <strong>{t("bulk.result", { done, count: outcomes.length })}</strong>
        <ActionIcon variant="subtle" color="gray" aria-label={t("close")} onClick={onClose}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      </div>
      <ul className={styles.outcomes}>
        {outcomes.map(({ environment, result, text }) => (
          <li key={environment.uid} data-result={result}>
            {t("done.failed", { name: environment.displayName, message: text })}
          </li>
        ))}
      </ul>
    </section>
  );
}
