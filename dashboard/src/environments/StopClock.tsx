import { useEffect } from "react";
import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { formatSoonest, isStoppingSoon } from "../model/clock";
import { canDo } from "../model/phases";
import { Button, VisuallyHidden } from "../ui/kit";
import { useNotices } from "../ui/Notices";
import styles from "./StopClock.module.css";
import { useActions } from "./useActions";
import { useNow } from "./useNow";

const LOOK_MS = 10_000;

interface StopClockProps {
  readonly environment: EnvironmentView & { readonly stopsAt: string };
}

/** When it stops and why; five minutes before as a warning, with the way to put it off. */
export function StopClock({ environment }: StopClockProps) {
  const { t } = useTexts();
  const { announce } = useNotices();
  const { run, pending } = useActions();
  const now = useNow(LOOK_MS);
  const soon = isStoppingSoon(environment, now);
  const values = { time: formatSoonest(environment.stopsAt, now), name: environment.displayName };
  const line = t(`stops.${environment.stopsWhy ?? "Idle"}`, values);
  const warning = soon ? `${values.name}: ${line}` : "";
  useEffect(() => {
    if (warning !== "") {
      announce(warning);
    }
  }, [warning, announce]);
  if (!soon) {
    return <div className={styles.line}>{line}</div>;
  }
  return (
    <div className={styles.warning} data-warning="stop">
      <span>{line}</span>
      {canDo(environment, "extend") && (
        <Button
          variant="default"
          size="compact-xs"
          loading={pending !== undefined}
          onClick={() => run({ environment, action: "extend" })}
        >
          {t("action.extend")} <VisuallyHidden>{environment.displayName}</VisuallyHidden>
        </Button>
      )}
    </div>
  );
}
