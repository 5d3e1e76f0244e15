import { describe, expect, test } from "vitest";
import {
  findRepositoryProblem,
  isBranch,
  isHostAllowed,
  isHostListed,
  isSameRepository,
  readRepository,
  repositoryName,
  shortRepository,
} from "./git";

describe("an address of a repository", () => {
  test("has a host and a path, however it was typed", () => {
    expect(readRepository("https://Git.Example.com:8443/team/demo.git")).toEqual({
      host: "git.example.com:8443",
      hostName: "git.example.com",
      path: "team/demo",
    });
    expect(readRepository("http://localhost/demo/")?.path).toBe("demo");
  });

  test.each([
    "git@example.com:team/demo.git",
    "ssh://git@example.com/demo",
    "https://example.com",
    "https://example.com/",
    "https://example.com/a b",
    "https://example.com/demo?x=1",
    "https://example.com/demo#x",
    "https://good.example\\@evil.example/demo",
    "https://good.example\\.evil.example/demo",
    "https://exämple.com/demo",
    "javascript:alert(1)",
    `https://example.com/${"x".repeat(512)}`,
    "",
  ])("%s is none", (text) => {
    expect(readRepository(text)).toBeUndefined();
    expect(findRepositoryProblem(text)).toBe("address");
  });

  test("has no name and no password in it", () => {
    expect(findRepositoryProblem("https://li:secret@example.com/demo.git")).toBe("credentials");
    expect(findRepositoryProblem("https://good.example@evil.example/demo")).toBe("credentials");
    expect(findRepositoryProblem("https://example.com/demo.git")).toBeNull();
  });

  test("is told without what nobody reads", () => {
    expect(shortRepository("https://example.com/team/demo.git")).toBe("example.com/team/demo");
    expect(repositoryName("https://example.com/team/demo.git")).toBe("demo");
    expect(repositoryName("no address")).toBe("");
  });

  test("means the same with and without .git, slash and scheme", () => {
    expect(isSameRepository("https://example.com/team/demo.git", "http://EXAMPLE.com/team/demo/")).toBe(true);
    expect(isSameRepository("https://example.com/team/demo", "https://example.com/team/demo2")).toBe(false);
    expect(isSameRepository("", "")).toBe(false);
  });
});

test.each([
  ["git.example.com", ["git.example.com"], true],
  ["evil-git.example.com", ["git.example.com"], false],
  ["git.example.com", ["*.example.com"], true],
  ["a.b.example.com", ["*.example.com"], true],
  ["example.com", ["*.example.com"], false],
  ["evilexample.com", ["*.example.com"], false],
  ["example.com.evil.net", ["example.com", "*.example.com"], false],
])("%s in %j: %s", (host, allowed, expected) => {
  expect(isHostListed(host, allowed)).toBe(expected);
  expect(isHostAllowed(host, allowed)).toBe(expected);
});

test("a template without a list takes any host, and vouches for none", () => {
  for (const none of [null, []]) {
    expect(isHostAllowed("example.com", none)).toBe(true);
    expect(isHostListed("example.com", none)).toBe(false);
  }
});

test("names of branches are those of Git", () => {
  expect(["main", "feature/x", "v1.2.3", "分支"].map(isBranch)).toEqual([true, true, true, true]);
  expect(
    ["-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", 'a"', "x".repeat(257)].some(isBranch),
  ).toBe(false);
});
