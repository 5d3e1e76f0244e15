import { ApiError } from "../api/client";

const AT_ONCE = 4;
/** Where the server says that it is too much, but not how long to wait. */
const PAUSE_SECONDS = 2;

/** What became of one of many; `left`: the rest was given up before its turn. */
export type Outcome<Item> = { readonly item: Item } & (
  | { readonly result: "done" }
  | { readonly result: "failed"; readonly error: unknown }
  | { readonly result: "left" }
);

export interface Progress {
  readonly done: number;
  readonly count: number;
  /** Whether it is the server's limit for one person that sets the pace. */
  readonly paced: boolean;
}

interface Course {
  /** Gives up what has not had its turn. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * Does `work` for every item, a few at once. What the server refuses because it is too much for now is tried again:
 * from then on it goes one by one, each after the pause that the server named last.
 */
export async function inTurn<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
  { signal, onProgress }: Course,
): Promise<readonly Outcome<Item>[]> {
  const outcomes = items.map((item): Outcome<Item> => ({ item, result: "left" }));
  const waiting = [...items.keys()];
  const halted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  let [done, paced, pauseMs] = [0, false, 0];

  const attempt = async (index: number) => {
    const item = items[index] as Item;
    try {
      await work(item);
      outcomes[index] = { item, result: "done" };
      done += 1;
    } catch (error) {
      if (error instanceof ApiError && error.status === 429) {
        waiting.unshift(index);
        [paced, pauseMs] = [true, 1000 * (error.retryAfter ?? PAUSE_SECONDS)];
      } else {
        outcomes[index] = { item, result: "failed", error };
        done += 1;
      }
    }
    onProgress({ done, count: items.length, paced });
  };
  const next = () => (signal.aborted ? undefined : waiting.shift());
  const oneOfFew = async () => {
    for (let index = next(); index !== undefined; index = paced ? undefined : next()) {
      await attempt(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, oneOfFew));
  while (waiting.length > 0 && !signal.aborted) {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), halted]);
    const index = next();
    if (index !== undefined) {
      await attempt(index);
    }
  }
  return outcomes;
}
