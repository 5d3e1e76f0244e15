import { useEffect, useRef, useState } from "react";
import { inTurn, type Outcome, type Progress } from "./inTurn";

// What ends at once needs no progress.
const PATIENCE_MS = 1000;

export interface InTurn {
  /** Whether more than one is being worked on. */
  readonly running: boolean;
  /** Null while there is nothing that is worth showing. */
  readonly progress: Progress | null;
  readonly run: <Item>(
    items: readonly Item[],
    work: (item: Item) => Promise<unknown>,
  ) => Promise<readonly Outcome<Item>[]>;
  /** Leaves what has not had its turn. */
  readonly halt: () => void;
}

/** Work on many things, at the pace that the server allows; it ends with the page that began it. */
export function useInTurn(): InTurn {
  const [running, setRunning] = useState(false);
  const [progress, setProgress] = useState<Progress | null>(null);
  const course = useRef<AbortController>(undefined);
  useEffect(() => () => course.current?.abort(), []);
  const run: InTurn["run"] = async (items, work) => {
    const controller = new AbortController();
    course.current = controller;
    const began = Date.now();
    setRunning(items.length > 1);
    try {
      return await inTurn(items, work, {
        signal: controller.signal,
        onProgress: (now) => {
          if (now.paced || Date.now() - began > PATIENCE_MS) {
            setProgress(now);
          }
        },
      });
    } finally {
      setRunning(false);
      setProgress(null);
    }
  };
  return { running, progress, run, halt: () => course.current?.abort() };
}
