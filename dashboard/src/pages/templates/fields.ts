// What the form shows of a template. The texts of a field are `editor.field.<path>` and, where it needs one,
// `editor.hint.<path>`; docs/CRD_SPEC.md has the rules, which the cluster checks.
import type { Path } from "../../model/manifest";
import { zoneHere } from "../../ui/preferences";

interface Place {
  /** Where it stands in the spec, with dots. */
  readonly path: string;
}

export interface TextField extends Place {
  readonly kind: "text" | "area" | "number" | "flag";
  readonly required?: boolean;
  readonly placeholder?: string;
  /** The language that is asked for, where it is one. */
  readonly lang?: string;
}

/** The name of another template. */
export interface TemplateField extends Place {
  readonly kind: "template";
}

export interface ChoiceField extends Place {
  readonly kind: "choice";
  /** The first one holds where the template says nothing; empty: none of them does. */
  readonly choices: readonly string[];
}

/** One thing on each line: words, Secrets by their name, or `key=value`. */
export interface LinesField extends Place {
  readonly kind: "lines";
  readonly of: "words" | "names" | "pairs";
  readonly placeholder?: string;
}

export interface Column {
  readonly key: string;
  /** Words in one cell, with commas or spaces between them. */
  readonly of?: "number" | "words";
  readonly placeholder?: string;
}

export interface RowsField extends Place {
  readonly kind: "rows";
  readonly columns: readonly Column[];
  readonly fresh: () => Readonly<Record<string, string | number>>;
  /** The column that stays when it is emptied: a row without a word would be gone while somebody writes in it. */
  readonly stays: string;
}

export type Field = TextField | TemplateField | ChoiceField | LinesField | RowsField;

export interface Section {
  readonly id: "names" | "image" | "size" | "disk" | "ports" | "variables" | "lifecycle" | "advance" | "access" | "pod";
  readonly fields: readonly Field[];
  /** What is seldom needed is closed at first. */
  readonly advanced?: boolean;
}

const DAYS: Column = { key: "days", of: "words", placeholder: "Mon, Tue, Wed, Thu, Fri" };
const EXCEPT: Column = { key: "except", of: "words", placeholder: "2026-10-01" };

export const SECTIONS: readonly Section[] = [
  {
    id: "names",
    fields: [
      { kind: "text", path: "displayName", required: true, placeholder: "Python 3" },
      { kind: "text", path: "translations.zh.displayName", lang: "zh" },
      { kind: "area", path: "description" },
      { kind: "area", path: "translations.zh.description", lang: "zh" },
      { kind: "text", path: "icon", placeholder: "python" },
      { kind: "lines", path: "tags", of: "words", placeholder: "python" },
      { kind: "choice", path: "state", choices: ["Active", "Hidden", "Deprecated"] },
      { kind: "template", path: "replacedBy" },
      { kind: "text", path: "stateMessage" },
    ],
  },
  {
    id: "image",
    fields: [
      { kind: "text", path: "environment.image", required: true, placeholder: "registry/team/python:1.0" },
      { kind: "choice", path: "environment.imagePullPolicy", choices: ["", "IfNotPresent", "Always", "Never"] },
      { kind: "flag", path: "prePull" },
      { kind: "lines", path: "overrides.images", of: "words" },
      { kind: "lines", path: "environment.imagePullSecrets", of: "names" },
    ],
  },
  {
    id: "size",
    fields: [
      { kind: "text", path: "resources.requests.cpu", placeholder: "100m" },
      { kind: "text", path: "resources.requests.memory", placeholder: "256Mi" },
      { kind: "text", path: "resources.limits.cpu", placeholder: "2" },
      { kind: "text", path: "resources.limits.memory", placeholder: "2Gi" },
      { kind: "text", path: "overrides.maxResources.cpu" },
      { kind: "text", path: "overrides.maxResources.memory" },
    ],
  },
  {
    id: "disk",
    fields: [
      { kind: "text", path: "storage.size", placeholder: "10Gi" },
      { kind: "text", path: "overrides.maxStorage" },
      { kind: "text", path: "storage.storageClassName" },
      { kind: "choice", path: "storage.accessMode", choices: ["ReadWriteOnce", "ReadWriteOncePod"] },
    ],
  },
  {
    id: "ports",
    fields: [
      {
        kind: "rows",
        path: "ports",
        columns: [
          { key: "name", placeholder: "web" },
          { key: "containerPort", of: "number", placeholder: "3000" },
          { key: "displayName" },
        ],
        fresh: () => ({ name: "" }),
        stays: "name",
      },
    ],
  },
  {
    id: "variables",
    fields: [
      {
        kind: "rows",
        path: "environment.env",
        columns: [{ key: "name", placeholder: "LANG" }, { key: "value" }],
        fresh: () => ({ name: "" }),
        stays: "name",
      },
      { kind: "flag", path: "overrides.env" },
    ],
  },
  {
    id: "lifecycle",
    fields: [
      { kind: "text", path: "lifecycle.idleTimeout", placeholder: "1h" },
      { kind: "text", path: "lifecycle.maxRunDuration", placeholder: "12h" },
      { kind: "text", path: "lifecycle.deleteAfterStopped", placeholder: "720h" },
      { kind: "text", path: "lifecycle.startTimeout", placeholder: "5m" },
      { kind: "text", path: "lifecycle.maxKeepAwake", placeholder: "8h" },
      {
        kind: "rows",
        path: "lifecycle.schedule",
        columns: [
          DAYS,
          { key: "start", placeholder: "09:00" },
          { key: "stop", placeholder: "19:00" },
          { key: "timeZone" },
          EXCEPT,
        ],
        fresh: () => ({ stop: "19:00", timeZone: zoneHere() }),
        stays: "timeZone",
      },
    ],
  },
  {
    id: "advance",
    advanced: true,
    fields: [
      {
        kind: "rows",
        path: "warmPool.perNamespace",
        columns: [
          { key: "namespace", placeholder: "team" },
          { key: "replicas", of: "number", placeholder: "2" },
        ],
        fresh: () => ({ namespace: "", replicas: 1 }),
        stays: "namespace",
      },
      {
        kind: "rows",
        path: "warmPool.hours",
        columns: [
          DAYS,
          { key: "from", placeholder: "08:00" },
          { key: "to", placeholder: "19:00" },
          { key: "timeZone" },
          EXCEPT,
        ],
        fresh: () => ({ from: "08:00", to: "19:00", timeZone: zoneHere() }),
        stays: "timeZone",
      },
    ],
  },
  {
    id: "access",
    fields: [
      { kind: "lines", path: "access.namespaceSelector.matchLabels", of: "pairs", placeholder: "team=payments" },
    ],
  },
  {
    id: "pod",
    advanced: true,
    fields: [
      { kind: "choice", path: "environment.ide", choices: ["code-server", "custom"] },
      { kind: "number", path: "environment.port", placeholder: "8080" },
      { kind: "text", path: "environment.healthPath", placeholder: "/healthz" },
      { kind: "text", path: "environment.homePath", placeholder: "/home/dev" },
      { kind: "text", path: "environment.workingDir" },
      { kind: "lines", path: "environment.command", of: "words" },
      { kind: "lines", path: "environment.args", of: "words" },
      { kind: "number", path: "environment.runAsUser", placeholder: "1000" },
      { kind: "number", path: "environment.runAsGroup", placeholder: "1000" },
      { kind: "lines", path: "scheduling.nodeSelector", of: "pairs" },
      { kind: "text", path: "scheduling.runtimeClassName" },
      { kind: "text", path: "scheduling.priorityClassName" },
      { kind: "flag", path: "scheduling.topologySpread" },
    ],
  },
];

export const FIELDS: readonly Field[] = SECTIONS.flatMap(({ fields }) => fields);

export function placeOf({ path }: Field): Path {
  return path.split(".");
}

/** The form's field that an error of the cluster is about, as `spec.ports[0].name`. */
export function fieldOf(name: string): string | undefined {
  const inside = name.replace(/^spec\./, "");
  if (name === "metadata.name" || name === "name") {
    return "name";
  }
  return FIELDS.find(({ path }) => inside === path || inside.startsWith(`${path}.`) || inside.startsWith(`${path}[`))
    ?.path;
}

/** A list or map as lines. */
export function toLines(value: unknown, of: LinesField["of"]): string {
  if (of === "pairs") {
    const pairs = typeof value === "object" && value !== null ? Object.entries(value) : [];
    return pairs.map(([key, text]) => `${key}=${text}`).join("\n");
  }
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items
    .map((item) => (of === "names" ? String(Reflect.get(Object(item), "name") ?? "") : String(item)))
    .join("\n");
}

/** What lines stand for; undefined for none. */
export function fromLines(text: string, of: LinesField["of"]): unknown {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) {
    return undefined;
  }
  if (of === "names") {
    return lines.map((line) => ({ name: line.trim() }));
  }
  if (of === "words") {
    return lines;
  }
  return Object.fromEntries(
    lines.map((line) => {
      const [key = "", ...rest] = line.split("=");
      return [key.trim(), rest.join("=").trim()];
    }),
  );
}

/** The words of a cell; undefined for none. */
export function toWords(text: string): readonly string[] | undefined {
  const words = text.split(/[\s,，、]+/).filter((word) => word !== "");
  return words.length === 0 ? undefined : words;
}

/** What somebody typed as the value of a field: nothing is no value, digits are a number where one is asked for. */
export function typed(text: string, number: boolean): string | number | undefined {
  if (text === "") {
    return undefined;
  }
  return number && /^\d{1,9}$/.test(text) ? Number(text) : text;
}
