import { useState } from "react";
import { type Act, act } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { inTurn } from "../../environments/inTurn";
import { useTexts } from "../../i18n";
import { type Action, canDo } from "../../model/phases";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./BulkBar.module.css";

interface BulkBarProps {
  readonly chosen: readonly EnvironmentView[];
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onDelete: (environments: readonly EnvironmentView[]) => void;
}

const ACTS = ["start", "stop", "restart"] as const satisfies readonly Act[];

interface Outcome {
  readonly environment: EnvironmentView;
  readonly refusal: string | null;
}

/** What can be done with all that are selected. Each action takes those that it fits and says how many these are. */
export function BulkBar({ chosen, onSelect, onDelete }: BulkBarProps) {
  const { t } = useTexts();
  const { announce } = useNotices();
  const [running, setRunning] = useState<Act>();
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const fitting = (action: Action) => chosen.filter((environment) => canDo(environment, action));

  const run = async (action: Act) => {
    setRunning(action);
    const found = await inTurn(fitting(action), async (environment): Promise<Outcome> => {
      try {
        await act(environment, action);
        return { environment, refusal: null };
      } catch (error) {
        return { environment, refusal: explain(error, t) };
      }
    });
    setRunning(undefined);
    setOutcomes(found);
    const done = found.filter(({ refusal }) => refusal === null).length;
    announce(t("bulk.result", { done, count: found.length }));
  };

  return (
    <section aria-label={t("bulk.label")}>
      <div className={styles.bar}>
        <strong>{t("bulk.selected", { count: chosen.length })}</strong>
        {ACTS.map((action) => {
          const count = fitting(action).length;
          return count === 0 ? null : (
            <Button
              key={action}
              variant="default"
              size="xs"
              loading={running === action}
              disabled={running !== undefined && running !== action}
              onClick={() => run(action)}
            >
              {t(`bulk.${action}`, { count })}
            </Button>
          );
        })}
        {fitting("delete").length > 0 && (
          <Button variant="default" size="xs" className={styles.delete} onClick={() => onDelete(chosen)}>
            {t("bulk.delete", { count: fitting("delete").length })}
          </Button>
        )}
        <Button variant="subtle" color="gray" size="xs" className={styles.clear} onClick={() => onSelect(new Set())}>
          {t("bulk.clear")}
        </Button>
      </div>
      {outcomes.length > 0 && (
        <ul className={styles.outcomes}>
          {outcomes.map(({ environment, refusal }) => (
            <li key={environment.uid} data-refused={refusal !== null || undefined}>
              {t("done.failed", { name: environment.displayName, message: refusal ?? t("bulk.ok") })}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
