import { type QueryClient, useQuery } from "@tanstack/react-query";
import { client, isStale, take } from "./client";
import type { EnvironmentView, TemplateSpec, TemplateView, VolumeView } from "./schema";

export const TEMPLATES = ["templates"] as const;
export const VOLUMES = ["volumes"] as const;
/** How often pages without a stream read again what they show. */
export const AGAIN_MS = 15_000;
const TRIES = 8;

export type TemplateState = TemplateView["state"];

/** A spec as the editor has it: the server and the cluster judge it as a whole, fields unknown here included. */
export type Spec = Readonly<Record<string, unknown>>;

/** Kept volumes: one's own, and those of others where one may delete them. */
export function useVolumes() {
  return useQuery({
    queryKey: VOLUMES,
    queryFn: async ({ signal }) =>
      (await take(client.GET("/api/v1/volumes", { params: { query: { all: true } }, signal }))).items,
    refetchInterval: AGAIN_MS,
  });
}

/** The templates that this product brings along and the catalogue does not have. */
export function useStarters() {
  return useQuery({
    queryKey: ["starters"],
    queryFn: async ({ signal }) => (await take(client.GET("/api/v1/starter-templates", { signal }))).items,
  });
}

/** Deletes a kept volume and what is on it; the uid keeps a namesake safe. */
export function purge({ namespace, name, uid }: VolumeView): Promise<unknown> {
  const params = { path: { namespace, name }, query: { uid } };
  return take(client.DELETE("/api/v1/namespaces/{namespace}/volumes/{name}", { params }));
}

/** The template's object as the cluster has it. */
export function readTemplate(name: string, signal?: AbortSignal): Promise<string> {
  const options = { params: { path: { name } }, parseAs: "text" as const, ...(signal ? { signal } : {}) };
  return take(client.GET("/api/v1/templates/{name}/yaml", options)) as Promise<string>;
}

export interface TemplateWrite {
  readonly name: string;
  readonly spec: Spec;
  /** The version that was read; empty for a new template. */
  readonly version: string;
}

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

/** Creates or replaces, or with `dryRun` only asks the cluster whether it could be. */
export function writeTemplate({ name, spec, version }: TemplateWrite, options: WriteOptions): Promise<TemplateView> {
  const body = { spec: spec as unknown as TemplateSpec };
  const query = { dryRun: options.dryRun };
  const signal = options.signal ? { signal: options.signal } : {};
  if (version === "") {
    return take(client.POST("/api/v1/templates", { params: { query }, body: { name, ...body }, ...signal }));
  }
  const params = { path: { name }, query, header: { "If-Match": `"${version}"` } };
  return take(client.PUT("/api/v1/templates/{name}", { params, body, ...signal }));
}

/** Starts a throw-away environment from a draft. */
export function tryDraft(spec: Spec, namespace: string): Promise<EnvironmentView> {
  return take(client.POST("/api/v1/trials", { body: { namespace, spec: spec as unknown as TemplateSpec } }));
}

/**
 * Writes the spec that `make` makes of the template as it is; once more where that has moved on meanwhile, which it
 * does with every environment that starts or stops, since its status counts them.
 */
export async function rewriteTemplate(
  name: string,
  make: (yaml: string) => Omit<TemplateWrite, "name">,
  options: WriteOptions,
): Promise<TemplateView> {
  for (let attempt = 1; ; attempt += 1) {
    const write = make(await readTemplate(name, options.signal));
    try {
      return await writeTemplate({ name, ...write }, options);
    } catch (error) {
      if (!isStale(error) || attempt === TRIES) {
        throw error;
      }
    }
  }
}

export interface StateChange {
  readonly state: TemplateState;
  readonly message?: string;
  readonly replacedBy?: string;
}

/**
 * Changes only the state and what is said with it: empty texts take that away, absent ones leave it. Whatever else
 * somebody changed meanwhile stays.
 */
export async function changeState(template: TemplateView, change: StateChange): Promise<TemplateView> {
  // The reader of YAML is larger than this page, which works without it until something is changed.
  const { draftOf, readDraft, withValue } = await import("../model/manifest");
  const make = (yaml: string) => {
    const { text, version } = draftOf(yaml);
    const parts = { state: change.state, stateMessage: change.message, replacedBy: change.replacedBy };
    const changed = Object.entries(parts)
      .filter(([, value]) => value !== undefined)
      .reduce((known, [field, value]) => withValue(known, ["spec", field], value || undefined), text);
    return { spec: readDraft(changed).spec, version };
  };
  return rewriteTemplate(template.name, make, { dryRun: false });
}

/** In whatever version it has: the operator writes its counts just when its last environment goes. */
export function deleteTemplate({ name }: TemplateView): Promise<unknown> {
  return take(client.DELETE("/api/v1/templates/{name}", { params: { path: { name } } }));
}

/** Puts an answer into the lists that are shown: the server's own list may be a moment behind its answer. */
export function noteTemplate(queries: QueryClient, changed: TemplateView): void {
  queries.setQueriesData<readonly TemplateView[]>({ queryKey: TEMPLATES }, (known) => {
    const before = known?.find(({ name }) => name === changed.name);
    if (known === undefined || before === undefined) {
      return known && [...known, changed];
    }
    const after = { ...changed, usualStart: before.usualStart };
    return known.map((one) => (one === before ? after : one));
  });
}

export function forgetTemplate(queries: QueryClient, { uid }: TemplateView): void {
  queries.setQueriesData<readonly TemplateView[]>({ queryKey: TEMPLATES }, (known) =>
    known?.filter((one) => one.uid !== uid),
  );
}
