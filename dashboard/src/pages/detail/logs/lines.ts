/** One line of output. `time` is when the container wrote it (RFC 3339), empty where nobody noted that. */
export interface Line {
  readonly time: string;
  readonly text: string;
}

/** Lines that are drawn together; one that is full never changes again. */
export interface Block {
  readonly id: number;
  readonly lines: readonly Line[];
  readonly characters: number;
}

/** The last lines of an output, and how many older ones were let go for them. */
export interface Kept {
  readonly blocks: readonly Block[];
  readonly dropped: number;
}

export const NOTHING: Kept = { blocks: [], dropped: 0 };
export const BLOCK_LINES = 100;
const MOST_BLOCKS = 51;
const MOST_CHARACTERS = 4 * 1024 * 1024;
/** Of one line; a program that never ends its line must not fill the browser. */
export const LONGEST = 4000;

/** What is kept after `fresh` lines have come; the oldest are let go, a whole block at a time. */
export function append(kept: Kept, fresh: readonly Line[]): Kept {
  if (fresh.length === 0) {
    return kept;
  }
  const blocks = [...kept.blocks];
  let rest = fresh;
  while (rest.length > 0) {
    const last = blocks.at(-1);
    const open = last !== undefined && last.lines.length < BLOCK_LINES ? last : undefined;
    const room = BLOCK_LINES - (open?.lines.length ?? 0);
    const added = rest.slice(0, room);
    rest = rest.slice(room);
    const block: Block = {
      id: open?.id ?? (last?.id ?? -1) + 1,
      lines: [...(open?.lines ?? []), ...added],
      characters: (open?.characters ?? 0) + added.reduce((sum, line) => sum + line.text.length, 0),
    };
    blocks.splice(open === undefined ? blocks.length : blocks.length - 1, 1, block);
  }
  let characters = blocks.reduce((sum, block) => sum + block.characters, 0);
  let dropped = kept.dropped;
  while (blocks.length > MOST_BLOCKS || (characters > MOST_CHARACTERS && blocks.length > 1)) {
    const oldest = blocks.shift();
    characters -= oldest?.characters ?? 0;
    dropped += oldest?.lines.length ?? 0;
  }
  return { blocks, dropped };
}

export function countLines(kept: Kept): number {
  return kept.blocks.reduce((sum, { lines }) => sum + lines.length, 0);
}

/** Makes lines of text that comes in pieces. */
export class LineSplitter {
  #rest = "";

  /** The lines that a piece completes. */
  take(piece: string): string[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, 2 * LONGEST);
    return lines;
  }

  /** What has not ended with a line's end. */
  end(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

/** A line as Kubernetes sends it with `timestamps`. */
export function parseLine(raw: string): Line {
  const stamp = STAMPED.exec(raw);
  return { time: stamp?.[1] ?? "", text: makeReadable(raw.slice(stamp?.[0].length ?? 0)) };
}

// Sequences by which programs colour their output, move on the screen and name a window; there is nothing to read in them.
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;
// What is left of them, and characters that turn the direction of what stands behind them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The text of a line without what steers a terminal. Of a line that was drawn over and over the last picture stays. */
export function makeReadable(raw: string): string {
  const plain = raw
    .slice(0, 2 * LONGEST)
    .replace(SEQUENCES, "")
    .replace(/\r+$/, "");
  const text = plain.slice(plain.lastIndexOf("\r") + 1).replace(CONTROLS, "\ufffd");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** The lines as a text to keep. */
export function asText(kept: Kept, timestamps: boolean): string {
  return kept.blocks
    .flatMap(({ lines }) => lines)
    .map(({ time, text }) => `${timestamps && time !== "" ? `${time} ` : ""}${text}\n`)
    .join("");
}
