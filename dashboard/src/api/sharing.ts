import { base } from "../base";
import { originIsShared } from "./client";
import { type News, Stream } from "./stream";
import { Watch } from "./watch";

interface Options {
  readonly url: string;
  readonly onNews: (news: News) => void;
}

/** What tabs say to each other: the leader's news, and what the others want of it. */
type Word = { readonly news: News; readonly id: string } | { readonly ask: "news" | "stream" };

/** Tabs below another prefix talk to another server. */
const NAME = `dw-live ${base}`;

/**
 * One stream for all tabs: a browser opens six connections to a server that speaks HTTP/1.1, so that the seventh tab
 * with a stream of its own would wait for ever. The tab that holds a lock has the stream and tells the others; when it
 * goes, the browser gives the lock to the next one, which goes on where the stream was.
 */
export class SharedStream {
  readonly #options: Options;
  readonly #watch = new Watch({ onLate: () => this.#fall(), onSilence: () => this.#takeOver() });
  #channel: BroadcastChannel | undefined;
  #stream: Stream | undefined;
  #waiting = new AbortController();
  #resign: (() => void) | undefined;
  #impatient = false;
  #closed = false;
  #resting = false;
  #last = "";
  #heardAt = Date.now();
  #standing: News | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  open(): void {
    if (!canShare()) {
      this.#lead();
      return;
    }
    this.#channel = new BroadcastChannel(NAME);
    this.#channel.addEventListener("message", ({ data }: MessageEvent<Word>) => this.#listen(data));
    void this.#stand();
    this.#say({ ask: "news" });
  }

  /** Opens the stream anew, whichever tab has it. */
  retry(): void {
    this.#resting = false;
    if (this.#stream === undefined) {
      this.#watch.start();
      this.#say({ ask: "stream" });
    } else {
      this.#stream.open();
    }
  }

  /** No stream until somebody wants it again; for when nobody is signed in. */
  rest(): void {
    this.#resting = true;
    this.#watch.stop();
    this.#stream?.close();
  }

  close(): void {
    this.#closed = true;
    this.#watch.stop();
    this.#stream?.close();
    this.#channel?.close();
    this.#waiting.abort();
    this.#resign?.();
  }

  /** Waits for the lock, leads while it is held, and begins again when another tab has taken it. */
  async #stand(): Promise<void> {
    let steal = false;
    while (!this.#closed) {
      this.#watch.start();
      this.#waiting = new AbortController();
      const lead = () =>
        new Promise<void>((resolve) => {
          this.#resign = resolve;
          this.#lead();
        });
      try {
        await navigator.locks.request(NAME, steal ? { steal } : { signal: this.#waiting.signal }, lead);
      } catch (error) {
        // Given up, or taken over by another tab: both are in order.
        if ((error as Partial<Error>).name !== "AbortError") {
          // A frame that has neither storage nor locks.
          this.#lead();
          return;
        }
      }
      this.#stream?.close();
      this.#stream = undefined;
      steal = this.#impatient;
      this.#impatient = false;
    }
  }

  #lead(): void {
    this.#watch.stop();
    this.#stream = new Stream({
      url: this.#options.url,
      since: this.#last,
      onNews: (news, id) => {
        this.#say({ news, id });
        this.#hear(news, id);
      },
    });
    if (!this.#resting) {
      this.#stream.open();
    }
  }

  #listen(word: Word): void {
    if ("news" in word) {
      if (this.#stream === undefined) {
        if (this.#resting && word.news.kind === "hello") {
          this.#resting = false;
          this.#watch.start();
        }
        this.#watch.heard();
        this.#hear(word.news, word.id);
      }
    } else if (this.#stream !== undefined) {
      // A tab that was just opened has a session, whatever became of ours.
      if (word.ask === "stream" || this.#standing?.kind === "down") {
        this.#resting = false;
        this.#stream.open();
      }
      if (this.#standing !== undefined) {
        this.#say({ news: this.#standing, id: this.#last });
      }
    }
  }

  #hear(news: News, id: string): void {
    this.#last = id;
    if (news.kind === "hello") {
      // Who listens from now on misses nothing either.
      this.#standing = { ...news, resumed: true };
    } else if (news.kind === "down") {
      this.#standing = news;
    }
    if (news.kind !== "down") {
      this.#heardAt = Date.now();
    }
    this.#options.onNews(news);
  }

  #fall(): void {
    this.#options.onNews({ kind: "down", heardAt: this.#heardAt });
  }

  /** The tab that leads is frozen or has lost its way. */
  #takeOver(): void {
    this.#fall();
    this.#impatient = true;
    this.#waiting.abort();
  }

  #say(word: Word): void {
    this.#channel?.postMessage(word);
  }
}

/** Not everywhere: locks need a secure context, and what shares our origin could say untrue things to us. */
function canShare(): boolean {
  return navigator.locks !== undefined && !originIsShared();
}
