import { useQuery } from "@tanstack/react-query";
import { ApiError, client, take } from "./client";
import type { EnvironmentPatch, EnvironmentView } from "./schema";

function place({ namespace, name }: EnvironmentView) {
  return { namespace, name };
}

/** One template; null where it is gone. */
export function useTemplate(name: string) {
  return useQuery({
    queryKey: ["template", name],
    queryFn: async ({ signal }) => {
      try {
        return await take(client.GET("/api/v1/templates/{name}", { params: { path: { name } }, signal }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) {
          return null;
        }
        throw error;
      }
    },
  });
}

export function readEnvironment(environment: EnvironmentView): Promise<EnvironmentView> {
  return take(
    client.GET("/api/v1/namespaces/{namespace}/environments/{name}", { params: { path: place(environment) } }),
  );
}

/** Asks the cluster whether a change would be accepted. */
export function checkEdit(environment: EnvironmentView, patch: EnvironmentPatch, signal: AbortSignal) {
  return take(
    client.PATCH("/api/v1/namespaces/{namespace}/environments/{name}", {
      params: { path: place(environment), query: { dryRun: true } },
      body: patch,
      signal,
    }),
  );
}

/** Changes an environment that is still in `version`; 412 if it is not. */
export function edit(environment: EnvironmentView, patch: EnvironmentPatch, version: string): Promise<EnvironmentView> {
  return take(
    client.PATCH("/api/v1/namespaces/{namespace}/environments/{name}", {
      params: { path: place(environment), query: { dryRun: false }, header: { "If-Match": version } },
      body: patch,
    }),
  );
}
