import { expect, test } from "vitest";
import { DAYS, isWhole, nameOfDay, readHours, writeHours } from "./hours";

const office = { timeZone: "Asia/Shanghai", days: ["Mon", "Fri"] as ("Mon" | "Fri")[], start: "09:00", stop: "18:00" };

test("hours are written as they were read, with the days on which they do not hold", () => {
  const rule = { ...office, except: ["2026-10-01"] };
  expect(writeHours(readHours(rule))).toEqual(rule);
});

test("no day at all means every day, and back", () => {
  const daily = readHours({ timeZone: "UTC", stop: "20:00" });
  expect(daily.days).toEqual(DAYS);
  expect(writeHours(daily)).toEqual({ timeZone: "UTC", days: [], start: null, stop: "20:00", except: [] });
});

test("hours need a day and a time", () => {
  expect(isWhole(readHours(office))).toBe(true);
  expect(isWhole({ ...readHours(office), days: [] })).toBe(false);
  expect(isWhole({ ...readHours(office), start: "", stop: "" })).toBe(false);
});

test("days have the names of the language", () => {
  expect(DAYS.map((day) => nameOfDay(day, "en"))).toEqual(DAYS);
  expect(nameOfDay("Mon", "zh-CN")).toBe("周一");
});
