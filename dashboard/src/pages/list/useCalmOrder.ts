import { useMemo, useRef, useState } from "react";
import type { EnvironmentView } from "../../api/schema";

interface Calm {
  readonly rows: readonly EnvironmentView[];
  /** How many rows would come, go or move if the order were brought up to date. */
  readonly waiting: number;
  readonly update: () => void;
}

interface Input {
  /** The rows in their current order. */
  readonly rows: readonly EnvironmentView[];
  readonly known: ReadonlyMap<string, EnvironmentView>;
  /** Whether somebody points at the rows or stands in them. */
  readonly inUse: boolean;
  /** What the person has asked for; a new wish shows its own order at once. */
  readonly wish: string;
}

/**
 * Rows do not move under a finger: while the list is in use, its order and its members stay as they were, and only what
 * the rows say changes.
 */
export function useCalmOrder({ rows, known, inUse, wish }: Input): Calm {
  const [round, setRound] = useState(0);
  const kept = useRef<{ key: string; rows: readonly EnvironmentView[] }>(undefined);
  const key = `${wish}\n${round}`;
  if (!inUse || kept.current === undefined || kept.current.key !== key) {
    kept.current = { key, rows };
  }
  const frozen = kept.current.rows;
  return useMemo(() => {
    const shown = frozen === rows ? rows : frozen.map((row) => known.get(row.uid) ?? row);
    return { rows: shown, waiting: countMoves(frozen, rows), update: () => setRound((value) => value + 1) };
  }, [frozen, rows, known]);
}

function countMoves(before: readonly EnvironmentView[], after: readonly EnvironmentView[]): number {
  if (before === after) {
    return 0;
  }
  const there = new Set(after.map((row) => row.uid));
  const here = new Set(before.map((row) => row.uid));
  const gone = before.filter((row) => !there.has(row.uid)).length;
  const come = after.filter((row) => !here.has(row.uid)).length;
  const stayed = after.filter((row) => here.has(row.uid));
  const moved = before
    .filter((row) => there.has(row.uid))
    .filter((row, index) => stayed[index]?.uid !== row.uid).length;
  return gone + come + moved;
}
