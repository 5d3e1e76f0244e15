import { useEffect, useState } from "react";
import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { Checkbox } from "../ui/kit";
import styles from "./Picks.module.css";

const NONE: ReadonlySet<string> = new Set();

/** Which of several are meant. Those in use, as `isUsed` sees it at the beginning, are only if somebody ticks them. */
export function usePicks(
  environments: readonly EnvironmentView[],
  isUsed: (environment: EnvironmentView, now: number) => boolean,
) {
  const [used, setUsed] = useState(NONE);
  const [ticked, setTicked] = useState(NONE);
  useEffect(() => {
    const now = Date.now();
    const busy = environments.filter((environment) => isUsed(environment, now));
    setUsed(new Set(busy.map(({ uid }) => uid)));
    setTicked(new Set(environments.filter((one) => !busy.includes(one)).map(({ uid }) => uid)));
  }, [environments, isUsed]);
  return {
    free: environments.filter(({ uid }) => !used.has(uid)),
    used: environments.filter(({ uid }) => used.has(uid)),
    chosen: environments.filter(({ uid }) => ticked.has(uid)),
    isTicked: (uid: string) => ticked.has(uid),
    tick: (uids: ReadonlySet<string>, on: boolean) =>
      setTicked((before) =>
        on ? new Set([...before, ...uids]) : new Set([...before].filter((uid) => !uids.has(uid))),
      ),
  };
}

interface PicksProps {
  readonly picks: ReturnType<typeof usePicks>;
  readonly labels: { readonly free: string; readonly used: string };
}

/** The choice, those in use apart. */
export function Picks({ picks, labels }: PicksProps) {
  return (
    <>
      <Group picks={picks} environments={picks.free} label={labels.free} />
      <Group picks={picks} environments={picks.used} label={labels.used} />
    </>
  );
}

interface GroupProps {
  readonly picks: ReturnType<typeof usePicks>;
  readonly environments: readonly EnvironmentView[];
  readonly label: string;
}

function Group({ picks, environments, label }: GroupProps) {
  const { t } = useTexts();
  if (environments.length === 0) {
    return null;
  }
  return (
    <fieldset className={styles.group}>
      <legend>{label}</legend>
      <div className={styles.choices}>
        {environments.map(({ uid, displayName, owner }) => (
          <Checkbox
            key={uid}
            size="xs"
            label={t("admin.of", { name: displayName, owner })}
            checked={picks.isTicked(uid)}
            onChange={(event) => picks.tick(new Set([uid]), event.currentTarget.checked)}
          />
        ))}
      </div>
    </fieldset>
  );
}
