import createClient, { type Middleware } from "openapi-fetch";
import { base } from "../base";
import type { FieldError, ProblemBody, paths, Shortage } from "./schema";

/** A refusal of the server, or its silence (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly FieldError[];
  /** The limits that do not suffice, with their numbers. */
  readonly shortages: readonly Shortage[];
  /** Seconds that the server asks to wait before another try, if it named them. */
  readonly retryAfter: number | undefined;

  constructor(status: number, problem: Partial<ProblemBody>, retryAfter?: number) {
    super(problem.detail ?? "");
    this.name = "ApiError";
    this.status = status;
    this.reason = problem.reason ?? "";
    this.fields = problem.errors ?? [];
    this.shortages = problem.limits ?? [];
    this.retryAfter = retryAfter;
  }
}

/** Whether the object is no longer in the version that a change was meant for. */
export function isStale(error: unknown): boolean {
  return error instanceof ApiError && error.status === 412;
}

type Listener = () => void;
const sessionListeners = new Set<Listener>();

/** Calls `listener` whenever the server no longer knows who we are. Returns the way to stop that. */
export function onSessionEnd(listener: Listener): () => void {
  sessionListeners.add(listener);
  return () => sessionListeners.delete(listener);
}

export function reportSessionEnd(): void {
  for (const listener of sessionListeners) {
    listener();
  }
}

/** Where environments share our origin, the server gives the page a word that their scripts do not have. */
function pageProof(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="page-proof"]')?.content ?? "";
}

/** Whether pages of environments have our origin, and with it our storage, channels and locks. */
export function originIsShared(): boolean {
  return pageProof() !== "";
}

const proveOrigin: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET") {
      request.headers.set("X-DevWorkspace-CSRF", pageProof() || "1");
    }
    return request;
  },
};

export const client = createClient<paths>({
  baseUrl: new URL(base, location.href).href.replace(/\/$/, ""),
  // Looked up at each call, so that tests can stand in for the network.
  fetch: (request) => globalThis.fetch(request),
});
client.use(proveOrigin);

interface Result<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws ApiError for every other one. */
export async function take<Data>(call: Promise<Result<Data>>): Promise<Data> {
  let result: Result<Data>;
  try {
    result = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiError(0, {});
  }
  if (result.response.ok) {
    return result.data as Data;
  }
  if (result.response.status === 401) {
    reportSessionEnd();
  }
  const problem = typeof result.error === "object" && result.error !== null ? result.error : {};
  throw new ApiError(result.response.status, problem, secondsIn(result.response.headers.get("Retry-After")));
}

function secondsIn(header: string | null): number | undefined {
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined;
}
