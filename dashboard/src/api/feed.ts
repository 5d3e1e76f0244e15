import type { QueryClient } from "@tanstack/react-query";
import { client, take } from "./client";
import type { EnvironmentView } from "./schema";

export type Environments = ReadonlyMap<string, EnvironmentView>;

export type Change =
  | { readonly kind: "environment"; readonly environment: EnvironmentView }
  | { readonly kind: "gone"; readonly uid: string };

export const ENVIRONMENTS = ["environments"] as const;

const PAGE = 500;
// Many changes at once cost one drawing; well below what an eye or the bar of 300 ms notices.
const GATHER_MS = 40;
// How long the first reading waits for the stream: what is read after it has begun need not be read twice.
const GREETING_MS = 500;

/** All environments that the person may open: read once, then kept up by changes. */
export class Feed {
  readonly #queries: QueryClient;
  #gathered: Change[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Changes that came while the list was being read, which may hold older versions.
  #during: Change[] | undefined;
  #hasRead = false;
  #greet: () => void = () => undefined;
  readonly #greeted = new Promise<void>((resolve) => {
    this.#greet = resolve;
  });

  constructor(queries: QueryClient) {
    this.#queries = queries;
  }

  /** The stream begins, or is known not to; `complete`: it tells all that happened since the last reading. */
  begin(complete: boolean): void {
    this.#greet();
    if (!complete) {
      this.reset();
    }
  }

  /** Changes were lost. */
  reset(): void {
    if (this.#hasRead) {
      void this.#queries.invalidateQueries({ queryKey: ENVIRONMENTS });
    }
  }

  readonly load = async (signal: AbortSignal): Promise<Environments> => {
    await Promise.race([this.#greeted, new Promise((resolve) => setTimeout(resolve, GREETING_MS))]);
    this.#hasRead = true;
    const during: Change[] = [];
    this.#during = during;
    try {
      const environments = new Map<string, EnvironmentView>();
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor === null ? { limit: PAGE } : { limit: PAGE, cursor };
        const page = await take(client.GET("/api/v1/environments", { params: { query }, signal }));
        for (const environment of page.items) {
          environments.set(environment.uid, environment);
        }
        cursor = page.next;
      } while (cursor !== null);
      return applyChanges(environments, during);
    } finally {
      if (this.#during === during) {
        this.#during = undefined;
      }
    }
  };

  apply(change: Change): void {
    this.#during?.push(change);
    this.#gathered.push(change);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    const changes = this.#gathered;
    this.#gathered = [];
    this.#timer = undefined;
    this.#queries.setQueryData<Environments>(ENVIRONMENTS, (known) => known && applyChanges(known, changes));
  }
}

/** `known` with `changes` on top; an environment that is known in a newer version stays as it is. */
export function applyChanges(known: Environments, changes: readonly Change[]): Environments {
  if (changes.length === 0) {
    return known;
  }
  const result = new Map(known);
  for (const change of changes) {
    if (change.kind === "gone") {
      result.delete(change.uid);
    } else if (!isOlder(change.environment, result.get(change.environment.uid))) {
      result.set(change.environment.uid, change.environment);
    }
  }
  return result;
}

/** Whether `one` is known in an older version than `other`. */
export function isOlder(one: EnvironmentView, other: EnvironmentView | undefined): boolean {
  return other !== undefined && version(one) < version(other);
}

function version(environment: EnvironmentView): bigint {
  return /^\d+$/.test(environment.resourceVersion) ? BigInt(environment.resourceVersion) : 0n;
}
