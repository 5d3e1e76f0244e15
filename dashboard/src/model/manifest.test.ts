import { expect, test } from "vitest";
import { draftOf, emptyDraft, lineOf, pathOf, readDraft, withValue } from "./manifest";

const STORED = `apiVersion: devworkspace.kubesphere.io/v1alpha1
kind: WorkspaceTemplate
metadata:
  name: python
  resourceVersion: '42'
  uid: x
  labels: {team: ml}
spec:
  displayName: Python 3
  environment:
    image: python:1
  storage:
    size: 10Gi
  fieldOfTheFuture: {x: [1, 2]}
status: {instances: 3}
`;

test("what is edited of a template is its spec, and the version is that of the cluster", () => {
  const { text, name, version } = draftOf(STORED);
  expect([name, version]).toEqual(["python", "42"]);
  const draft = readDraft(text);
  expect(draft).toMatchObject({ name: "python", isTemplate: true, mistakes: [], ignored: [] });
  expect(Object.keys(draft.spec)).toEqual(["displayName", "environment", "storage", "fieldOfTheFuture"]);
});

test("a change keeps what stands beside it: notes, and fields that nobody here knows", () => {
  const before = draftOf(STORED).text.replace("displayName: Python 3", "displayName: Python 3 # for the ML team");
  const after = withValue(before, ["spec", "storage", "size"], "20Gi");
  expect(after).toBe(before.replace("10Gi", "20Gi"));
  expect(readDraft(after).spec.fieldOfTheFuture).toEqual({ x: [1, 2] });
});

test("what is emptied goes, and so do maps and lists around it; the spec stays", () => {
  const { text } = draftOf(STORED);
  const added = withValue(
    withValue(text, ["spec", "ports", 0], { name: "web" }),
    ["spec", "ports", 0, "containerPort"],
    80,
  );
  expect(readDraft(added).spec.ports).toEqual([{ name: "web", containerPort: 80 }]);
  expect(withValue(added, ["spec", "ports", 0], undefined)).toBe(text);
  expect(readDraft(withValue(text, ["spec", "storage", "size"], undefined)).spec).not.toHaveProperty("storage");
  expect(withValue(text, ["spec", "lifecycle", "idleTimeout"], undefined), "nothing to take away").toBe(text);
});

test("a word where a map must be makes room for it", () => {
  const text = withValue(
    draftOf(STORED).text.replace("storage:\n    size: 10Gi", "storage:"),
    ["spec", "storage", "size"],
    "1Gi",
  );
  expect(readDraft(text).spec.storage).toEqual({ size: "1Gi" });
});

test("texts that look like something else stay texts", () => {
  const text = withValue(emptyDraft(), ["spec", "environment", "env", 0], { name: "ON", value: "true" });
  expect(readDraft(withValue(text, ["spec", "displayName"], "007")).spec).toMatchObject({
    displayName: "007",
    environment: { env: [{ name: "ON", value: "true" }] },
  });
});

test.each([
  ["metadata:\n  name: x\n bad", 3],
  ["a: 1\nb: [1, 2\nc: 3", 3],
  ["a: 1\na: 2", 2],
  ["a: 1\n---\nb: 2", 2],
])("%j has a mistake in line %i", (text, line) => {
  expect(readDraft(text).mistakes[0]).toMatchObject({ line });
});

test("aliases that unfold without end are a mistake, and soon", () => {
  const levels = Array.from({ length: 12 }, (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level},`.repeat(9)}]`);
  expect(readDraft(`l0: &l0 x\n${levels.join("\n")}`).mistakes).toHaveLength(1);
});

test("what is no template, and what is not written from here, is told", () => {
  expect(readDraft("kind: Pod").isTemplate).toBe(false);
  expect(readDraft("[1]").isTemplate).toBe(false);
  expect(readDraft(STORED)).toMatchObject({
    isTemplate: true,
    ignored: ["metadata.resourceVersion", "metadata.uid", "metadata.labels", "status"],
  });
});

test.each([
  ["spec.environment.image", 7],
  ["spec.storage", 8],
  ["spec.ports[1].name", 13],
  ["spec.ports[7].name", 10],
  ["spec.resources.limits", 5],
  ["metadata.name", 4],
  ["", 1],
])("%s stands in line %i", (field, line) => {
  const lines = [
    "apiVersion: devworkspace.kubesphere.io/v1alpha1",
    "kind: WorkspaceTemplate",
    "metadata:",
    "  name: x",
    "spec:",
    "  environment:",
    "    image: y",
    "  storage:",
    "    size: 1Gi",
    "  ports:",
    "    - name: one",
    "      containerPort: 1",
    "    - name: two",
  ];
  expect(lineOf(lines.join("\n"), field)).toBe(line);
});

test("a key in brackets may have dots", () => {
  expect(pathOf("spec.resources.limits[nvidia.com/gpu]")).toEqual(["spec", "resources", "limits", "nvidia.com/gpu"]);
});
