import type { Change } from "./feed";
import { Watch } from "./watch";

export type News =
  /** Changes arrive by themselves from now on, those of this person; `resumed`: none is missing. */
  | { readonly kind: "hello"; readonly name: string; readonly resumed: boolean }
  | { readonly kind: "change"; readonly change: Change }
  /** Too much happened at once to be told: read everything again. */
  | { readonly kind: "reset" }
  | { readonly kind: "heartbeat" }
  /** Nothing arrives any more; what is shown was current at `heardAt`, in milliseconds since 1970. */
  | { readonly kind: "down"; readonly heardAt: number };

interface Options {
  readonly url: string;
  /** The id of the last event that is known already, or empty. */
  readonly since: string;
  /** `id` is what a later stream goes on after. */
  readonly onNews: (news: News, id: string) => void;
}

const RETRY_MS = [500, 1000, 2000, 5000];
// So many times the pause between two heartbeats without one: the connection only seems to be there.
const MISSED = 2.5;

/**
 * The server's stream of changes, opened again for as long as it takes. The browser resumes a broken one by itself, with
 * the id of the last event; it gives up after a refusal, and does not notice silence: then a new one begins here.
 */
export class Stream {
  readonly #options: Options;
  readonly #watch = new Watch({ onLate: () => this.#fall(), onSilence: () => this.#reopen() });
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #last: string;
  #heardAt = Date.now();

  constructor(options: Options) {
    this.#options = options;
    this.#last = options.since;
  }

  open(): void {
    this.close();
    const since = this.#last === "" ? "" : `?since=${encodeURIComponent(this.#last)}`;
    const source = new EventSource(this.#options.url + since);
    this.#source = source;
    source.addEventListener("hello", (event) => {
      const { name, resumed, heartbeatSeconds } = JSON.parse(event.data);
      this.#failures = 0;
      this.#watch.limitMs = heartbeatSeconds * 1000 * MISSED;
      this.#hear(event, { kind: "hello", name, resumed });
    });
    source.addEventListener("environment", (event) => {
      this.#hear(event, { kind: "change", change: { kind: "environment", environment: JSON.parse(event.data) } });
    });
    source.addEventListener("gone", (event) => {
      this.#hear(event, { kind: "change", change: { kind: "gone", uid: JSON.parse(event.data).uid } });
    });
    source.addEventListener("reset", (event) => this.#hear(event, { kind: "reset" }));
    source.addEventListener("heartbeat", (event) => this.#hear(event, { kind: "heartbeat" }));
    source.addEventListener("error", () => this.#fail(source));
    this.#watch.start();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#watch.stop();
    this.#source?.close();
    this.#source = undefined;
  }

  #hear(event: MessageEvent, news: News): void {
    this.#watch.heard();
    this.#heardAt = Date.now();
    this.#last = event.lastEventId || this.#last;
    this.#options.onNews(news, this.#last);
  }

  #fall(): void {
    this.#options.onNews({ kind: "down", heardAt: this.#heardAt }, this.#last);
  }

  #reopen(): void {
    this.#fall();
    this.open();
  }

  #fail(source: EventSource): void {
    this.#fall();
    if (source.readyState === EventSource.CLOSED) {
      const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
      this.#failures += 1;
      this.#retry = setTimeout(() => this.open(), wait);
    }
  }
}
