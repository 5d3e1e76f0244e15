import { describe, expect, test } from "vitest";
import {
  append,
  asText,
  BLOCK_LINES,
  countLines,
  LineSplitter,
  LONGEST,
  makeReadable,
  NOTHING,
  parseLine,
} from "./lines";

const line = (text: string) => ({ time: "", text });
const many = (count: number, length = 1) =>
  Array.from({ length: count }, (_, index) => line(`${index}`.padEnd(length, "x")));

describe("what is kept", () => {
  test("lines stay in their order, whatever pieces they come in", () => {
    const kept = append(append(append(NOTHING, many(99)), [line("a"), line("b")]), [line("c")]);
    expect(kept.blocks.map(({ lines }) => lines.length)).toEqual([BLOCK_LINES, 3 - 1]);
    expect(asText(kept, false).split("\n").slice(-4)).toEqual(["a", "b", "c", ""]);
  });

  test("a full block is never made anew, so that it is drawn once", () => {
    const before = append(NOTHING, many(BLOCK_LINES));
    expect(append(before, many(1)).blocks[0]).toBe(before.blocks[0]);
  });

  test("the memory is bounded by lines, and what is let go is counted", () => {
    let kept = NOTHING;
    for (let round = 0; round < 40; round += 1) {
      kept = append(kept, many(500));
    }
    expect(countLines(kept)).toBeLessThanOrEqual(5100);
    expect(countLines(kept)).toBeGreaterThanOrEqual(5000);
    expect(countLines(kept) + kept.dropped).toBe(20_000);
  });

  test("and by characters", () => {
    const kept = append(NOTHING, many(5000, LONGEST));
    expect(kept.blocks.reduce((sum, { characters }) => sum + characters, 0)).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(countLines(kept) + kept.dropped).toBe(5000);
  });
});

test("lines are put together from pieces, and the last one needs no end", () => {
  const splitter = new LineSplitter();
  expect(splitter.take("one\ntw")).toEqual(["one"]);
  expect(splitter.take("o\n\nthr")).toEqual(["two", ""]);
  expect(splitter.end()).toEqual(["thr"]);
  expect(splitter.end()).toEqual([]);
});

test("a line without end does not grow without end", () => {
  const splitter = new LineSplitter();
  for (let round = 0; round < 100; round += 1) {
    splitter.take("x".repeat(LONGEST));
  }
  expect(splitter.end()[0]?.length).toBeLessThanOrEqual(2 * LONGEST);
});

test("Kubernetes' time is apart from the text", () => {
  expect(parseLine("2026-11-25T10:00:00.123456789Z hello")).toEqual({
    time: "2026-11-25T10:00:00.123456789Z",
    text: "hello",
  });
  expect(parseLine("2026-11-25T18:00:00.5+08:00 ")).toEqual({ time: "2026-11-25T18:00:00.5+08:00", text: "" });
  expect(parseLine("no time")).toEqual({ time: "", text: "no time" });
});

test.each([
  ["\u001b[1;31mred\u001b[0m", "red"],
  ["\u001b[38;2;1;2;3mx\u001b[K", "x"],
  ["\u001b]0;a title\u0007after", "after"],
  ["\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["\u001b(Bplain", "plain"],
  ["10 %\r20 %\r30 %\r", "30 %"],
  ["tab\tstays", "tab\tstays"],
  ["bell\u0007 and \u202eturned", "bell\ufffd and \ufffdturned"],
  ["<b>no html</b>", "<b>no html</b>"],
  ["中文 😀", "中文 😀"],
])("%j reads %j", (raw, text) => {
  expect(makeReadable(raw)).toBe(text);
});

test("a long line is cut where one can see it", () => {
  expect(makeReadable("x".repeat(LONGEST + 1))).toBe(`${"x".repeat(LONGEST)}…`);
});
