import { useCallback, useState } from "react";
import { act, useMe } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { InTurnProgress } from "../../environments/InTurnProgress";
import { disturbs } from "../../environments/StopQuestion";
import type { InTurn } from "../../environments/useInTurn";
import { useTexts } from "../../i18n";
import { type Action, canDo } from "../../model/phases";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./BulkBar.module.css";
import { BulkQuestion } from "./BulkQuestion";
import type { Result } from "./BulkResult";

interface BulkBarProps {
  /** Goes on where the bar is not shown any more. */
  readonly work: InTurn;
  readonly chosen: readonly EnvironmentView[];
  /** All that search and filters let through, on every page. */
  readonly matching: readonly EnvironmentView[];
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onDelete: (environments: readonly EnvironmentView[]) => void;
  readonly onDone: (result: Result) => void;
}

const ACTS = ["start", "stop", "restart"] as const;
type Act = (typeof ACTS)[number];
const NONE: readonly EnvironmentView[] = [];

interface Question {
  readonly action: "stop" | "restart";
  readonly environments: readonly EnvironmentView[];
}

/** What can be done with all that are selected. Each action takes those that it fits and says how many these are. */
export function BulkBar({ work, chosen, matching, onSelect, onDelete, onDone }: BulkBarProps) {
  const { t } = useTexts();
  const { announce } = useNotices();
  const { data: me } = useMe();
  const [running, setRunning] = useState<Act>();
  const [asking, setAsking] = useState<Question | null>(null);
  const isUsed = useCallback(
    (environment: EnvironmentView, now: number) => disturbs(environment, { action: "stop", me: me?.name, now }),
    [me?.name],
  );
  const label = (action: Act | "delete", count: number) =>
    count === chosen.length ? t(`bulk.${action}`, { count }) : t(`bulk.${action}-some`, { count, all: chosen.length });
  const count = (action: Action) => chosen.filter((environment) => canDo(environment, action)).length;

  const begin = (action: Act) => {
    const fitting = chosen.filter((environment) => canDo(environment, action));
    const now = Date.now();
    if (action !== "start" && fitting.some((environment) => isUsed(environment, now))) {
      setAsking({ action, environments: fitting });
    } else {
      void run(action, fitting, fitting);
    }
  };
  const run = async (action: Act, meant: readonly EnvironmentView[], fitting: readonly EnvironmentView[]) => {
    setRunning(action);
    const tried = await work.run(meant, (environment) => act(environment, action));
    setRunning(undefined);
    const spared = fitting.filter((environment) => !meant.includes(environment));
    const outcomes = [...tried, ...spared.map((item) => ({ item, result: "left" as const }))];
    onDone({ action, outcomes, skipped: chosen.filter((environment) => !fitting.includes(environment)) });
    const undone = outcomes.filter(({ result }) => result !== "done");
    // To be tried again.
    onSelect(new Set(undone.map(({ item }) => item.uid)));
    announce(t("bulk.result", { done: outcomes.length - undone.length, count: chosen.length }));
  };

  return (
    <section aria-label={t("bulk.label")} className={styles.bar}>
      <InTurnProgress work={work} />
      <BulkQuestion
        environments={asking?.environments ?? NONE}
        action={asking?.action ?? "stop"}
        isUsed={isUsed}
        onAnswer={(meant) => {
          setAsking(null);
          if (asking !== null && meant !== null) {
            void run(asking.action, meant, asking.environments);
          }
        }}
      />
      {work.progress === null && (
        <>
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
              onClick={() => begin(action)}
            >
              {label(action, count(action))}
            </Button>
          ))}
          {count("delete") > 0 && (
            <Button
              variant="default"
              size="xs"
              className={styles.delete}
              disabled={running !== undefined}
              onClick={() => onDelete(chosen)}
            >
              {label("delete", count("delete"))}
            </Button>
          )}
          <Button variant="subtle" color="gray" size="xs" className={styles.clear} onClick={() => onSelect(new Set())}>
            {t("bulk.clear")}
          </Button>
        </>
      )}
    </section>
  );
}
