// A template as YAML. The text is the one document: the form reads it and writes into it, so that what the form does not
// know, and what somebody noted beside it, stays. Loaded only by what edits templates, because of its library.
import { Document, isCollection, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

export type Path = readonly (string | number)[];

export interface Mistake {
  readonly line: number;
  readonly message: string;
}

/** What a text says. `mistakes` keep it from being read, `ignored` are parts that are not written from here. */
export interface Draft {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly mistakes: readonly Mistake[];
  readonly isTemplate: boolean;
  readonly ignored: readonly string[];
}

export const API_VERSION = "devworkspace.kubesphere.io/v1alpha1";
export const KIND = "WorkspaceTemplate";
const NOTHING = { name: "", spec: {}, ignored: [] } as const;
// Long lines stay long: a fold in the middle of a value would show as a change that nobody made.
const FORMAT = { lineWidth: 0 } as const;

export function readDraft(text: string): Draft {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const mistakes = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
  }));
  if (mistakes.length > 0) {
    return { ...NOTHING, mistakes, isTemplate: false };
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Aliases that would unfold to more than a computer holds.
    return { ...NOTHING, mistakes: [{ line: 1, message: String(error) }], isTemplate: false };
  }
  const object = asMap(value);
  const { name, ...metadata } = asMap(object.metadata);
  const isTemplate = object.kind === KIND && object.apiVersion === API_VERSION;
  const known = new Set(["apiVersion", "kind", "metadata", "spec"]);
  return {
    name: typeof name === "string" ? name : "",
    spec: asMap(object.spec),
    mistakes: [],
    isTemplate,
    ignored: [
      ...Object.keys(metadata).map((key) => `metadata.${key}`),
      ...Object.keys(object).filter((key) => !known.has(key)),
    ],
  };
}

/** A template that is to be edited: what can be written of it, and the version that was read. */
export function draftOf(yaml: string): { text: string; name: string; version: string } {
  const object = asMap(parseDocument(yaml).toJS());
  const metadata = asMap(object.metadata);
  const name = String(metadata.name ?? "");
  return { text: write(name, asMap(object.spec)), name, version: String(metadata.resourceVersion ?? "") };
}

/** The text of a template that nobody has written anything into. */
export function emptyDraft(): string {
  return write("", { displayName: "", environment: { image: "" } });
}

function write(name: string, spec: Readonly<Record<string, unknown>>): string {
  return new Document({ apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec }).toString(FORMAT);
}

/** The text with another value at a place; `undefined` takes it away, and maps and lists that are empty then. */
export function withValue(text: string, path: Path, value: unknown): string {
  const document = parseDocument(text);
  if (value === undefined) {
    remove(document, path);
  } else {
    makeRoom(document, path);
    document.setIn(path, nodeFor(document, path, value));
  }
  return document.toString(FORMAT);
}

/** A fresh node, so that quotes which the former value needed go with it; what was noted beside that one stays. */
function nodeFor(document: Document, path: Path, value: unknown): unknown {
  const node = document.createNode(value);
  const before = document.getIn(path, true);
  return isNode(before) ? Object.assign(node, { comment: before.comment, commentBefore: before.commentBefore }) : node;
}

function remove(document: Document, path: Path): void {
  if (!document.hasIn(path)) {
    return;
  }
  document.deleteIn(path);
  // `spec` itself stays.
  for (let end = path.length - 1; end > 1; end--) {
    const parent = document.getIn(path.slice(0, end));
    if (!isCollection(parent) || parent.items.length > 0) {
      return;
    }
    document.deleteIn(path.slice(0, end));
  }
}

/** Takes away what is neither map nor list where one must be, as in `storage:` with nothing behind it. */
function makeRoom(document: Document, path: Path): void {
  for (let end = 1; end < path.length; end++) {
    const place = path.slice(0, end);
    if (document.hasIn(place) && !isCollection(document.getIn(place, true))) {
      document.deleteIn(place);
    }
  }
}

/** The value at a place of a spec, as `environment.image`. */
export function valueAt(spec: Readonly<Record<string, unknown>>, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    spec,
  );
}

/** The places that a field's name goes through: `spec.ports[0].name` or `spec.resources.limits[cpu]`. */
export function pathOf(field: string): Path {
  return [...field.matchAll(/\[([^\]]*)\]|[^.[\]]+/g)].map(([word, inside]) => {
    const part = inside ?? word;
    return inside !== undefined && /^\d+$/.test(inside) ? Number(inside) : part;
  });
}

/** The line of a field, or of the nearest one around it that is there. */
export function lineOf(text: string, field: string): number {
  const lines = new LineCounter();
  let node: unknown = parseDocument(text, { lineCounter: lines }).contents;
  let line = 1;
  for (const key of pathOf(field)) {
    const [name, value] = childOf(node, key);
    if (!isNode(name) || !name.range) {
      break;
    }
    line = lines.linePos(name.range[0]).line;
    node = value;
  }
  return line;
}

/** What names a child (its key, or in a list the child itself), and the child. */
function childOf(node: unknown, key: string | number): [name: unknown, value: unknown] {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
    return [pair?.key, pair?.value];
  }
  const item = isSeq(node) && typeof key === "number" ? node.items[key] : undefined;
  return [item, item];
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
