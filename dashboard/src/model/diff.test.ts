import { expect, test } from "vitest";
import { diffLines, withContext } from "./diff";

const signs = { same: " ", added: "+", removed: "-" };
const shown = (before: string, after: string) => diffLines(before, after).map(({ kind, text }) => signs[kind] + text);

test.each([
  ["a\nb", "a\nb", [" a", " b"]],
  ["a\nb\nc", "a\nx\nc", [" a", "-b", "+x", " c"]],
  ["a\nc", "a\nb\nc", [" a", "+b", " c"]],
  ["a\na", "a", [" a", "-a"]],
  ["a\nb\nc\nd", "b\nx\nd", ["-a", " b", "-c", "+x", " d"]],
  ["", "a", ["-", "+a"]],
])("%j to %j", (before, after, expected) => {
  expect(shown(before, after)).toEqual(expected);
});

test("both texts can be put together again", () => {
  let seed = 7;
  const next = () => {
    seed = (seed * 16807) % 2147483647;
    return seed % 4;
  };
  for (let round = 0; round < 200; round++) {
    const [before, after] = [0, 1].map(() => Array.from({ length: next() + next() }, next).join("\n")) as [
      string,
      string,
    ];
    const lines = diffLines(before, after);
    const side = (kind: string) => lines.filter((line) => line.kind !== kind).map(({ text }) => text);
    expect(side("added").join("\n")).toBe(before);
    expect(side("removed").join("\n")).toBe(after);
  }
});

test("lines far from a change are left out", () => {
  const before = Array.from({ length: 20 }, (_, index) => String(index)).join("\n");
  const lines = withContext(diffLines(before, before.replace("10", "ten")), 1);
  expect(lines.map((line) => line?.text ?? null)).toEqual([null, "9", "10", "ten", "11", null]);
});
