import { expect, test } from "vitest";
import { readGitUser } from "./gitUser";

test("a name and an address make somebody", () => {
  expect(readGitUser(" 李伟 ", " li.wei@example.com ")).toEqual({ name: "李伟", email: "li.wei@example.com" });
});

test.each([
  ["", "li.wei@example.com"],
  ["Li Wei", ""],
  ["Li Wei", "li.wei"],
  ["Li <Wei>", "li.wei@example.com"],
  ["Li\nWei", "li.wei@example.com"],
  ["Li Wei", "li wei@example.com"],
  ["x".repeat(129), "li.wei@example.com"],
])("%j and %j make nobody", (name, email) => {
  expect(readGitUser(name, email)).toBeNull();
});
