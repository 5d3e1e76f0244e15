import type { Change } from "./feed";

export interface StreamState {
  /** Whether changes arrive by themselves. */
  readonly live: boolean;
  /** Until when what is shown is known to be current, in milliseconds since 1970. */
  readonly heardAt: number;
}

interface Options {
  readonly url: string;
  readonly onChange: (change: Change) => void;
  /** The server cannot say what was missed: read everything again. */
  readonly onReset: () => void;
  readonly onState: (state: StreamState) => void;
}

const RETRY_MS = [500, 1000, 2000, 5000];

/**
 * The server's stream of changes, opened again for as long as it takes. The browser resumes a broken one by itself, with
 * the number of the last event; it gives up after a refusal, and then a new one begins here.
 */
export class Stream {
  readonly #options: Options;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #heardAt = Date.now();

  constructor(options: Options) {
    this.#options = options;
  }

  open(): void {
    this.close();
    const source = new EventSource(this.#options.url);
    this.#source = source;
    source.addEventListener("open", () => this.#hear());
    source.addEventListener("environment", (event) => {
      this.#hear();
      this.#options.onChange({ kind: "environment", environment: JSON.parse(event.data) });
    });
    source.addEventListener("gone", (event) => {
      this.#hear();
      this.#options.onChange({ kind: "gone", uid: JSON.parse(event.data).uid });
    });
    source.addEventListener("reset", () => {
      this.#hear();
      this.#options.onReset();
    });
    source.addEventListener("error", () => this.#fail(source));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #hear(): void {
    this.#failures = 0;
    this.#heardAt = Date.now();
    this.#options.onState({ live: true, heardAt: this.#heardAt });
  }

  #fail(source: EventSource): void {
    if (source !== this.#source) {
      return;
    }
    this.#options.onState({ live: false, heardAt: this.#heardAt });
    if (source.readyState === EventSource.CLOSED) {
      const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
      this.#failures += 1;
      this.#timer = setTimeout(() => this.open(), wait);
    }
  }
}
