import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { workspace } from "../base";
import { oneMoreHour } from "../model/clock";
import { ApiError, client, take } from "./client";
import { ENVIRONMENTS } from "./feed";
import { useLive } from "./live";
import type { EnvironmentRequest, EnvironmentView } from "./schema";

export type Act = "start" | "stop" | "restart" | "safe-start" | "extend";
export type Data = "Retain" | "Delete";

export function useMe() {
  return useQuery({
    queryKey: ["me"],
    queryFn: ({ signal }) => take(client.GET("/api/v1/me", { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Where the person may create environments; on the page of one of KubeSphere's workspaces, in which of its projects. */
export function useNamespaces() {
  return useQuery({
    queryKey: ["namespaces"],
    queryFn: async ({ signal }) => (await take(client.GET("/api/v1/namespaces", { signal }))).items,
    select: ofThisPage,
  });
}

function ofThisPage<Item extends { readonly workspace: string }>(items: readonly Item[]): readonly Item[] {
  return workspace === "" ? items : items.filter((item) => item.workspace === workspace);
}

/** The catalogue; `usable` of the entries is about `namespace`. Read again after `every` milliseconds, if at all. */
export function useTemplates(namespace?: string, every: number | false = false) {
  return useQuery({
    queryKey: ["templates", namespace ?? ""],
    // What was chosen in one project stays on the screen until another one's catalogue is there.
    placeholderData: keepPreviousData,
    refetchInterval: every,
    queryFn: async ({ signal }) => {
      const query = namespace === undefined ? {} : { namespace };
      return (await take(client.GET("/api/v1/templates", { params: { query }, signal }))).items;
    },
  });
}

function place(environment: EnvironmentView) {
  return { namespace: environment.namespace, name: environment.name };
}

export function act(environment: EnvironmentView, action: Act): Promise<unknown> {
  if (action === "extend") {
    return extend(environment, oneMoreHour(environment, Date.now()));
  }
  const path = place(environment);
  if (action === "safe-start") {
    const params = { path, query: { safe: true } };
    return take(client.POST("/api/v1/namespaces/{namespace}/environments/{name}/start", { params }));
  }
  return take(client.POST(`/api/v1/namespaces/{namespace}/environments/{name}/${action}`, { params: { path } }));
}

/** Puts its stop off until a moment; null takes that back. */
export function extend(environment: EnvironmentView, until: string | null): Promise<EnvironmentView> {
  return take(
    client.POST("/api/v1/namespaces/{namespace}/environments/{name}/extend", {
      params: { path: place(environment) },
      body: { until },
    }),
  );
}

export function remove(environment: EnvironmentView, data: Data): Promise<unknown> {
  return take(
    client.DELETE("/api/v1/namespaces/{namespace}/environments/{name}", {
      params: { path: place(environment), query: { data } },
    }),
  );
}

/** Creates, or with `dryRun` only asks the cluster whether it could be. */
export function create(
  namespace: string,
  body: EnvironmentRequest,
  options: { dryRun: boolean; signal?: AbortSignal },
) {
  return take(
    client.POST("/api/v1/namespaces/{namespace}/environments", {
      params: { path: { namespace }, query: { dryRun: options.dryRun } },
      body,
      ...(options.signal ? { signal: options.signal } : {}),
    }),
  );
}

/** A right that was taken away, or an environment that has gone: nothing announces it to those who lose it. */
function isLoss(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404);
}

/** Something that changes environments. The list is read again where the stream does not tell what became of it. */
export function useChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  const { state } = useLive();
  return useMutation({
    mutationFn: change,
    onSettled: async (_, error) => {
      if (isLoss(error)) {
        await queries.invalidateQueries();
      } else if (!state.live) {
        await queries.invalidateQueries({ queryKey: ENVIRONMENTS });
      }
    },
  });
}
