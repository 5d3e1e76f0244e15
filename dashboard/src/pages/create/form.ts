import type { EnvironmentRequest, FieldError, GitRequest, TemplateView, Variable } from "../../api/schema";
import { findAddressProblem } from "../../model/addresses";
import { findRepositoryProblem, isBranch } from "../../model/git";
import type { GitUser } from "../../model/gitUser";
import { isOffered, SIZES, type Size } from "../../model/sizes";

/** What the page asks for. Empty texts mean that the template decides. */
export interface Form {
  readonly template: string;
  readonly namespace: string;
  readonly displayName: string;
  readonly address: string;
  readonly size: Size;
  readonly cpu: string;
  readonly memory: string;
  readonly storage: string;
  readonly image: string;
  readonly adopt: string;
  readonly variables: readonly Variable[];
  readonly gitUser: GitUser | null;
  readonly repository: string;
  readonly branch: string;
  readonly dataPolicy: "Retain" | "Delete";
}

export const EMPTY_FORM: Form = {
  template: "",
  namespace: "",
  displayName: "",
  address: "",
  size: "default",
  cpu: "",
  memory: "",
  storage: "",
  image: "",
  adopt: "",
  variables: [],
  gitUser: null,
  repository: "",
  branch: "",
  dataPolicy: "Retain",
};

export const FIELDS = [
  "template",
  "namespace",
  "displayName",
  "address",
  "cpu",
  "memory",
  "quota",
  "repository",
  "branch",
  "trust",
  "storage",
  "image",
  "adopt",
  "variables",
] as const;
export type Field = (typeof FIELDS)[number];
export type LocalProblem = "required" | "rule" | "long" | "template" | "repository" | "credentials" | "branch";

/** What is wrong without asking anybody. */
export function findLocalProblems(form: Form): Partial<Record<Field, LocalProblem>> {
  const problems: Partial<Record<Field, LocalProblem>> = {};
  if (form.template === "") {
    problems.template = "template";
  }
  if (form.namespace === "") {
    problems.namespace = "required";
  }
  const address = findAddressProblem(form.address);
  if (address !== null) {
    problems.address = address;
  }
  if (form.variables.some(({ name }) => name === "")) {
    problems.variables = "required";
  }
  const repository = form.repository.trim();
  const wrong = repository === "" ? null : findRepositoryProblem(repository);
  if (wrong !== null) {
    problems.repository = wrong === "credentials" ? wrong : "repository";
  }
  if (!isBranch(form.branch.trim())) {
    problems.branch = "branch";
  }
  return problems;
}

export function makeRequest(form: Form): EnvironmentRequest {
  const named = SIZES.find(({ id }) => id === form.size);
  const own = form.size === "own";
  return {
    name: form.address,
    template: form.template,
    displayName: form.displayName.trim() || null,
    cpu: named?.cpu ?? ((own && form.cpu.trim()) || null),
    memory: named?.memory ?? ((own && form.memory.trim()) || null),
    storage: form.storage.trim() || null,
    image: form.image || null,
    adoptVolume: form.adopt.trim() || null,
    variables: [...form.variables],
    gitUser: form.gitUser,
    git: gitOf(form),
    dataPolicy: form.dataPolicy,
    running: true,
  };
}

function gitOf({ repository, branch }: Form): GitRequest | null {
  const address = repository.trim();
  return address === "" ? null : { repository: address, ref: branch.trim() || null, directory: null };
}

const PLACES: readonly [path: string, field: Field][] = [
  ["spec.overrides.resources.limits.cpu", "cpu"],
  ["spec.overrides.resources.limits.memory", "memory"],
  ["spec.overrides.resources", "cpu"],
  ["spec.overrides.storage", "storage"],
  ["spec.overrides.image", "image"],
  ["spec.overrides.env", "variables"],
  ["spec.templateRef", "template"],
  ["spec.displayName", "displayName"],
  ["spec.git.ref", "branch"],
  ["spec.git.", "repository"],
  ["git.ref", "branch"],
  ["git.", "repository"],
  ["metadata.annotations", "adopt"],
  ["metadata.name", "address"],
  ["displayName", "displayName"],
  ["variables", "variables"],
  ["adoptVolume", "adopt"],
  ["storage", "storage"],
  ["memory", "memory"],
  ["image", "image"],
  ["cpu", "cpu"],
  ["name", "address"],
];

/** The place on the page for what the server says about a field of the object or of the request. */
export function placeOf(error: FieldError): Field | undefined {
  return PLACES.find(([path]) => error.field.startsWith(path))?.[1];
}

export interface Prefill {
  readonly form: Partial<Form>;
  /** Parameters that are not taken from a link. */
  readonly ignored: readonly string[];
}

const OURS = new Set(["embed", "lang", "theme", "ws"]);
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * What a link fills in. It names what to create from and how large. What runs inside is never taken from a link, but for
 * a repository, whose host a person has to trust.
 */
export function readPrefill(query: URLSearchParams): Prefill {
  const form: { -readonly [Key in keyof Form]?: Form[Key] } = {};
  const ignored: string[] = [];
  for (const [key, value] of query) {
    const size = SIZES.find(({ id }) => id === value);
    if (key === "template") {
      form.template = value;
    } else if (key === "ns" && NAMESPACE.test(value)) {
      form.namespace = value;
    } else if (key === "name") {
      form.displayName = value.slice(0, 64);
    } else if (key === "size" && size !== undefined) {
      form.size = size.id;
    } else if (key === "repo" && findRepositoryProblem(value) === null) {
      form.repository = value;
    } else if (key === "branch" && findRepositoryProblem(query.get("repo") ?? "") === null && isBranch(value)) {
      form.branch = value;
    } else if (!OURS.has(key)) {
      ignored.push(key);
    }
  }
  return { form, ignored };
}

/** What a link asks for and this person does not get: a project that is not theirs, a size that is too large. */
export function refusedOfLink(
  prefill: Prefill,
  known: { readonly namespaces: readonly string[] | undefined; readonly template: TemplateView | undefined },
): readonly string[] {
  const { namespace, size, template } = prefill.form;
  const refused: string[] = [];
  if (namespace !== undefined && known.namespaces !== undefined && !known.namespaces.includes(namespace)) {
    refused.push("ns");
  }
  if (size !== undefined && known.template?.name === template && known.template && !isOffered(size, known.template)) {
    refused.push("size");
  }
  return refused;
}

/** An address made of a name that people read; empty where the name has no Latin letters. */
export function addressFrom(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
}

/** Choices that a template does not offer fall back to its default when it is chosen. */
export function withTemplate(form: Form, template: TemplateView, address: string): Form {
  return {
    ...form,
    template: template.name,
    address,
    size: isOffered(form.size, template) ? form.size : "default",
    image: template.images.includes(form.image) ? form.image : "",
    variables: template.ownVariables ? form.variables : [],
  };
}
