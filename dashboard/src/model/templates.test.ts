import { expect, test } from "vitest";
import { makeSuccessor, makeTemplate } from "../testing/builders";
import { descriptionOf, isFound, nameOf, offeredInstead } from "./templates";

const python = makeTemplate({
  displayName: "Python 3",
  description: "For scripts.",
  translations: {
    zh: { displayName: "蟒蛇", description: null },
    de: { displayName: "Schlange", description: "Für Skripte." },
  },
});

test("the page's language chooses, and what is not translated stays as it was written", () => {
  expect(nameOf(python, "zh-CN")).toEqual({ text: "蟒蛇", lang: "zh" });
  expect(descriptionOf(python, "zh-CN")).toEqual({ text: "For scripts.", lang: undefined });
  expect(nameOf(python, "en")).toEqual({ text: "Python 3", lang: undefined });
});

test("a region of the language goes before the language", () => {
  const texts = (displayName: string) => ({ displayName, description: null });
  const template = makeTemplate({
    translations: { zh: texts("通用"), "zh-CN": texts("大陆"), "zh-TW": texts("臺灣") },
  });
  expect(nameOf(template, "zh-CN")).toEqual({ text: "大陆", lang: "zh-CN" });
});

test.each(["蟒蛇", "python 3", "scripts", "skripte", " PYTHON:1 "])("%s finds it on every page", (text) => {
  expect(isFound(python, text)).toBe(true);
  expect(isFound(makeTemplate({ name: "go", displayName: "Go", description: "", image: "go:1" }), text)).toBe(false);
});

test("only a successor that can be used is offered", () => {
  const successor = makeSuccessor();
  expect(offeredInstead(makeTemplate({ successor }))).toBe(successor);
  expect(offeredInstead(makeTemplate({ successor: { ...successor, usable: false } }))).toBeUndefined();
  expect(offeredInstead(makeTemplate())).toBeUndefined();
  expect(offeredInstead(undefined)).toBeUndefined();
});
