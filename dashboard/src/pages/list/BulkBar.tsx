import { useState } from "react";
import { act } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { explain, explainObstacle } from "../../environments/explain";
import { inTurn } from "../../environments/inTurn";
import { useTexts } from "../../i18n";
import { type Action, canDo } from "../../model/phases";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./BulkBar.module.css";
import type { Outcome } from "./BulkResult";

interface BulkBarProps {
  readonly chosen: readonly EnvironmentView[];
  /** All that search and filters let through, on every page. */
  readonly matching: readonly EnvironmentView[];
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onDelete: (environments: readonly EnvironmentView[]) => void;
  readonly onDone: (outcomes: readonly Outcome[]) => void;
}

const ACTS = ["start", "stop", "restart"] as const;
type Act = (typeof ACTS)[number];

/** What can be done with all that are selected. Each action takes those that it fits and says how many these are. */
export function BulkBar({ chosen, matching, onSelect, onDelete, onDone }: BulkBarProps) {
  const { t } = useTexts();
  const { announce } = useNotices();
  const [running, setRunning] = useState<Act>();
  const label = (action: Act | "delete", count: number) =>
    count === chosen.length ? t(`bulk.${action}`, { count }) : t(`bulk.${action}-some`, { count, all: chosen.length });
  const count = (action: Action) => chosen.filter((environment) => canDo(environment, action)).length;

  const run = async (action: Act) => {
    setRunning(action);
    const outcomes = await inTurn(chosen, async (environment): Promise<Outcome> => {
      if (!canDo(environment, action)) {
        return { environment, result: "skipped", text: explainObstacle(environment, action, t) };
      }
      try {
        await act(environment, action);
        return { environment, result: "done", text: t("bulk.ok") };
      } catch (error) {
        return { environment, result: "failed", text: explain(error, t) };
      }
    });
    setRunning(undefined);
    onDone(outcomes);
    // What failed stays selected, to be tried again.
    onSelect(new Set(outcomes.filter(({ result }) => result === "failed").map(({ environment }) => environment.uid)));
    const done = outcomes.filter(({ result }) => result === "done").length;
    announce(t("bulk.result", { done, count: outcomes.length }));
  };

  return (
    <section aria-label={t("bulk.label")} className={styles.bar}>
      <strong>{t("bulk.selected", { count: chosen.length })}</strong>
      {chosen.length < matching.length && (
        <Button
          variant="subtle"
          size="xs"
          className={styles.all}
          onClick={() => onSelect(new Set(matching.map(({ uid }) => uid)))}
        >
          {t("bulk.all", { count: matching.length })}
        </Button>
      )}
      {ACTS.filter((action) => count(action) > 0).map((action) => (
        <Button
          key={action}
          variant="default"
          size="xs"
          loading={running === action}
          disabled={running !== undefined && running !== action}
          onClick={() => run(action)}
        >
          {label(action, count(action))}
        </Button>
      ))}
      {count("delete") > 0 && (
        <Button variant="default" size="xs" className={styles.delete} onClick={() => onDelete(chosen)}>
          {label("delete", count("delete"))}
        </Button>
      )}
      <Button variant="subtle" color="gray" size="xs" className={styles.clear} onClick={() => onSelect(new Set())}>
        {t("bulk.clear")}
      </Button>
    </section>
  );
}
