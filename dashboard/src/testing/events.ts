/** Stands in for the browser's EventSource, which jsdom does not have; a test plays the server. */
export class FakeEventSource extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static readonly opened: FakeEventSource[] = [];
  /** Whether a stream greets as the server does, as soon as somebody listens. */
  static greets = true;

  readyState: number = FakeEventSource.CONNECTING;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
    FakeEventSource.opened.push(this);
    if (FakeEventSource.greets) {
      queueMicrotask(() => this.greet());
    }
  }

  static get latest(): FakeEventSource {
    const source = FakeEventSource.opened.at(-1);
    if (source === undefined) {
      throw new Error("no stream was opened");
    }
    return source;
  }

  say(kind: string, data: unknown, id = ""): void {
    this.readyState = FakeEventSource.OPEN;
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId: id }));
  }

  greet(part: { name?: string; resumed?: boolean } = {}): void {
    this.say("hello", { name: "admin", resumed: false, heartbeatSeconds: 15, ...part });
  }

  /** The connection breaks; `refused`: the server's answer was no stream, so that the browser gives up. */
  break(refused: boolean): void {
    this.readyState = refused ? FakeEventSource.CLOSED : FakeEventSource.CONNECTING;
    this.dispatchEvent(new Event("error"));
  }

  close(): void {
    this.readyState = FakeEventSource.CLOSED;
  }
}
