import { ApiError, client, take } from "../../../api/client";
import { type Line, LineSplitter, parseLine } from "./lines";

/** Which output is wanted. */
export interface Wish {
  readonly namespace: string;
  readonly name: string;
  readonly previous: boolean;
  readonly follow: boolean;
  readonly tail: number;
  /** Not older than this many seconds; null: however old. */
  readonly since: number | null;
}

export type LogState =
  | { readonly kind: "opening" | "live" | "ended" | "away" }
  /** There is no such output, now at least. */
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly error: unknown };

interface Options {
  readonly signal: AbortSignal;
  readonly onLines: (lines: readonly Line[]) => void;
  readonly onState: (state: LogState) => void;
}

const AGAIN_MS = 2000;
const LATER_MS = 5000;
// How far the clocks of nodes and of this machine may differ; what comes twice is left out by its time.
const SKEW_SECONDS = 120;
const MOST_LINES = 5000;

/** Reads an output until `signal` or, where it is not followed, until its end. A broken connection is made again. */
export async function followLog(wish: Wish, { signal, onLines, onState }: Options): Promise<void> {
  let last = "";
  const passOn = (lines: readonly Line[]) => {
    const fresh = last === "" ? lines : lines.filter(({ time }) => time === "" || time > last);
    last = fresh.findLast(({ time }) => time !== "")?.time ?? last;
    onLines(fresh);
  };
  for (;;) {
    let wait = AGAIN_MS;
    try {
      const stream = await open(wish, last, signal);
      onState({ kind: "live" });
      await read(stream, passOn);
      onState({ kind: "ended" });
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      const state = stateOf(error);
      onState(state.kind === "none" && last !== "" ? { kind: "ended" } : state);
      if (state.kind === "failed") {
        return;
      }
      wait = LATER_MS;
    }
    if (signal.aborted || !wish.follow) {
      return;
    }
    await pause(wait, signal);
    if (signal.aborted) {
      return;
    }
  }
}

function stateOf(error: unknown): LogState {
  if (!(error instanceof ApiError)) {
    // A connection that broke while it was read from.
    return { kind: "away" };
  }
  if (error.status === 409) {
    return { kind: "none" };
  }
  return error.status === 0 || error.status >= 500 ? { kind: "away" } : { kind: "failed", error };
}

async function open(wish: Wish, last: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
  const { namespace, name, previous, follow, tail, since } = wish;
  const missed = last === "" ? since : Math.ceil((Date.now() - Date.parse(last)) / 1000) + SKEW_SECONDS;
  const body = await take(
    client.GET("/api/v1/namespaces/{namespace}/environments/{name}/logs", {
      params: {
        path: { namespace, name },
        query: {
          previous,
          follow,
          timestamps: true,
          tailLines: last === "" ? tail : MOST_LINES,
          ...(missed === null ? {} : { sinceSeconds: Math.max(1, missed) }),
        },
      },
      parseAs: "stream",
      signal,
    }),
  );
  // An empty answer has no stream.
  return body ?? null;
}

async function read(
  stream: ReadableStream<Uint8Array> | null,
  onLines: (lines: readonly Line[]) => void,
): Promise<void> {
  if (stream === null) {
    return;
  }
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const splitter = new LineSplitter();
  for (;;) {
    const { done, value } = await reader.read();
    const lines = done ? splitter.end() : splitter.take(decoder.decode(value, { stream: true }));
    if (lines.length > 0) {
      onLines(lines.map(parseLine));
    }
    if (done) {
      return;
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
