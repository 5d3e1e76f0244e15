// How long a greeting may take before what is shown counts as old, and how often the silence is measured.
const GREETING_MS = 3000;
const LOOK_MS = 5000;
// Three heartbeats of the server, until it says how often they come.
const SILENCE_MS = 45_000;

interface Calls {
  /** Nothing was heard at all yet. */
  readonly onLate: () => void;
  /** Nothing was heard for too long; a machine or a tab that slept counts as well. */
  readonly onSilence: () => void;
}

/** Notices that somebody who should speak regularly does not. */
export class Watch {
  limitMs = SILENCE_MS;
  readonly #calls: Calls;
  #greeting: ReturnType<typeof setTimeout> | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  start(): void {
    this.stop();
    this.#heardAt = Date.now();
    this.#greeting = setTimeout(this.#calls.onLate, GREETING_MS);
    this.#looking = setInterval(this.#look, LOOK_MS);
    document.addEventListener("visibilitychange", this.#look);
  }

  heard(): void {
    clearTimeout(this.#greeting);
    this.#heardAt = Date.now();
  }

  stop(): void {
    clearTimeout(this.#greeting);
    clearInterval(this.#looking);
    document.removeEventListener("visibilitychange", this.#look);
  }

  readonly #look = () => {
    if (Date.now() - this.#heardAt > this.limitMs) {
      this.#calls.onSilence();
    }
  };
}
