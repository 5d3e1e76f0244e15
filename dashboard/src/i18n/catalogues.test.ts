import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import en from "./en.json";
import zh from "./zh.json";

const english: Record<string, string> = en;
const chinese: Record<string, string> = zh;
const stem = (key: string) => key.replace(/_(one|other)$/, "");
const placeholders = (text: string) => [...new Set(text.match(/\{\{\w+\}\}/g) ?? [])].sort();

// Keys that are put together from words of the server or of a table.
const COMPOSED = [
  "phase.",
  "reason.",
  "stops.",
  "stopped.",
  "done.",
  "bulk.",
  "list.column.",
  "list.filter.",
  "create.size.",
  "create.policy.",
  "git.state.",
  "git.reason.",
  "git.next.",
  "quota.resource.",
  "admin.preset.",
  "admin.column.",
  "admin.part.",
  "admin.state.",
  "admin.check.",
  "admin.use.by.",
  "admin.use.column.",
  "admin.limits.column.",
  "detail.tab.",
  "detail.step.",
  "detail.stage.",
  "detail.about.",
  "detail.next.",
  "detail.waits.",
  "what.",
  "usage.window.",
  "usage.step.",
  "usage.none.",
  "usage.legend.",
  "logs.since.",
  "logs.state.",
  "settings.field.",
  "settings.hint.",
  "settings.problem.",
  "settings.schedule-",
  "templates.state.",
  "templates.successor.",
  "templates.done.",
  "editor.view.",
  "editor.section.",
  "editor.column.",
  "editor.field.",
  "editor.hint.",
];

function sources(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|schema\.d\.ts/.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

const source = sources("src");

test("both languages have the same texts", () => {
  const stems = (texts: object) => [...new Set(Object.keys(texts).map(stem))].sort();
  expect(stems(zh)).toEqual(stems(en));
});

test("a text that counts has the forms that its language knows", () => {
  for (const key of Object.keys(en).filter((name) => name.endsWith("_one"))) {
    expect(english).toHaveProperty([`${stem(key)}_other`]);
    expect(chinese).toHaveProperty([`${stem(key)}_other`]);
    expect(chinese, "Chinese has one form").not.toHaveProperty([key]);
  }
});

test("both languages fill in the same values", () => {
  for (const key of Object.keys(zh)) {
    expect([key, placeholders(chinese[key] ?? "")]).toEqual([key, placeholders(english[key] ?? "")]);
  }
});

test("every text is used", () => {
  const unused = [...new Set(Object.keys(en).map(stem))].filter(
    (key) => !source.includes(`"${key}"`) && !COMPOSED.some((prefix) => key.startsWith(prefix)),
  );
  expect(unused).toEqual([]);
});

test("the product's nouns are the agreed ones", () => {
  expect(Object.values(zh).join("\n")).not.toMatch(/企业空间|工作区/);
  expect(Object.values(en).join("\n").replaceAll("DevWorkspace", "")).not.toMatch(/workspace/i);
});

test("Chinese is Chinese: no ASCII punctuation between Han characters", () => {
  expect(Object.values(zh).filter((text) => /[\u4e00-\u9fff][,;:!?.][\u4e00-\u9fff]/.test(text))).toEqual([]);
});
