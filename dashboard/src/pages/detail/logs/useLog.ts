import { useCallback, useEffect, useState } from "react";
import { useLive } from "../../../api/live";
import type { EnvironmentView } from "../../../api/schema";
import { followLog, type LogState, type Wish } from "./follow";
import { append, type Kept, type Line, NOTHING } from "./lines";

// Output that comes in bursts is drawn a few times a second.
const GATHER_MS = 100;
const MOST_GATHERED = 2000;

type Choice = Pick<Wish, "previous" | "follow" | "tail" | "since">;

/** The output that was chosen, as long as it is on the screen. */
export function useLog(environment: EnvironmentView, { previous, follow, tail, since }: Choice) {
  const { sessionEnded } = useLive();
  const [kept, setKept] = useState<Kept>(NOTHING);
  const [state, setState] = useState<LogState>({ kind: "opening" });
  const [attempt, setAttempt] = useState(0);
  const { namespace, name, uid, startedAt } = environment;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another start, another attempt: read from the beginning
  useEffect(() => {
    if (sessionEnded) {
      return;
    }
    const controller = new AbortController();
    let gathered: Line[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      const fresh = gathered;
      gathered = [];
      timer = undefined;
      setKept((known) => append(known, fresh));
    };
    setKept(NOTHING);
    setState({ kind: "opening" });
    void followLog(
      { namespace, name, previous, follow, tail, since },
      {
        signal: controller.signal,
        onState: setState,
        onLines: (lines) => {
          gathered.push(...lines);
          timer ??= setTimeout(draw, GATHER_MS);
          if (gathered.length >= MOST_GATHERED) {
            // In a tab that nobody sees timers are rare, and what comes must not pile up.
            clearTimeout(timer);
            draw();
          }
        },
      },
    );
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [namespace, name, uid, startedAt, previous, follow, tail, since, sessionEnded, attempt]);

  const again = useCallback(() => setAttempt((known) => known + 1), []);
  return { kept, state, again };
}
