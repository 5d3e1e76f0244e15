import { IconX } from "@tabler/icons-react";
import type { Act } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { explain, explainObstacle } from "../../environments/explain";
import type { Outcome } from "../../environments/inTurn";
import { type Translate, useTexts } from "../../i18n";
import { ActionIcon } from "../../ui/kit";
import styles from "./BulkBar.module.css";

/** What became of many; `skipped` does not fit the action and was left alone. */
export interface Result {
  readonly action: Act;
  readonly outcomes: readonly Outcome<EnvironmentView>[];
  readonly skipped: readonly EnvironmentView[];
}

interface BulkResultProps {
  readonly result: Result;
  readonly onClose: () => void;
}

const ORDER = ["failed", "left", "skipped", "done"] as const;

interface Line {
  readonly environment: EnvironmentView;
  readonly kind: (typeof ORDER)[number];
  readonly text: string;
}

/** A line for each of many, until it is put away; what was not done comes first. */
export function BulkResult({ result, onClose }: BulkResultProps) {
  const { t } = useTexts();
  const lines = linesOf(result, t);
  const done = lines.filter(({ kind }) => kind === "done").length;
  return (
    <section aria-label={t("bulk.results")} className={styles.results}>
      <div className={styles.summary}>
        <strong>{t("bulk.result", { done, count: lines.length })}</strong>
        <ActionIcon variant="subtle" color="gray" aria-label={t("close")} onClick={onClose}>
          <IconX size={16} aria-hidden />
        </ActionIcon>
      </div>
      <ul className={styles.outcomes}>
        {lines.map(({ environment, kind, text }) => (
          <li key={environment.uid} data-result={kind}>
            {t("done.failed", { name: environment.displayName, message: text })}
          </li>
        ))}
      </ul>
    </section>
  );
}

function linesOf({ action, outcomes, skipped }: Result, t: Translate): readonly Line[] {
  const tried = outcomes.map((outcome): Line => {
    const text =
      outcome.result === "failed" ? explain(outcome.error, t) : t(outcome.result === "left" ? "bulk.left" : "bulk.ok");
    return { environment: outcome.item, kind: outcome.result, text };
  });
  const others = skipped.map((environment): Line => {
    return { environment, kind: "skipped", text: explainObstacle(environment, action, t) };
  });
  return [...tried, ...others].sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}
