import { expect, test } from "vitest";
import { formatLength, parseDuration } from "./durations";

test.each([
  ["30m", 1800],
  ["1h30m", 5400],
  ["90s", 90],
  ["0s", undefined],
  ["", undefined],
  ["1d", undefined],
  ["30", undefined],
  ["30m1h", undefined],
])("%s is %s seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test("lengths read by the language", () => {
  expect(formatLength(5400, "en")).toBe("1 hr 30 min");
  expect(formatLength(900, "zh-CN")).toBe("15分钟");
});
