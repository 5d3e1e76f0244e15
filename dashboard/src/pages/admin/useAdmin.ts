import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { client, take } from "../../api/client";
import type { EnvironmentView } from "../../api/schema";
import { type AdminView, readAdminView, writeAdminView } from "../../model/overview";
import type { Grouping } from "../../model/usage";

const SYSTEM_MS = 15_000;
// Whoever is at a limit asks the admin about it now.
const LIMITS_MS = 15_000;
export const HOLDERS_SHOWN = 10;
// Hours are told with one decimal.
const MONTH_MS = 5 * 60_000;

/** Whether the parts of the installation work. */
export function useSystem() {
  return useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => take(client.GET("/api/v1/system", { signal })),
    refetchInterval: SYSTEM_MS,
  });
}

/** What was taken of the cluster in a month; "" is the present one. */
export function useMonth({ by, month }: { readonly by: Grouping; readonly month: string }) {
  return useQuery({
    queryKey: ["month", by, month],
    queryFn: ({ signal }) =>
      take(client.GET("/api/v1/usage", { params: { query: month === "" ? { by } : { by, month } }, signal })),
    refetchInterval: MONTH_MS,
    placeholderData: keepPreviousData,
  });
}

export type HolderGrouping = "owner" | "namespace";

/** The installation's limits and who has most of them now; of those whose name has `text` in it. */
export function useLimits({ by, text }: { readonly by: HolderGrouping; readonly text: string }) {
  return useQuery({
    queryKey: ["limits", by, text],
    queryFn: ({ signal }) => {
      const query = { by, limit: HOLDERS_SHOWN, ...(text === "" ? {} : { q: text }) };
      return take(client.GET("/api/v1/limits", { params: { query }, signal }));
    },
    refetchInterval: LIMITS_MS,
    placeholderData: keepPreviousData,
  });
}

/** The table's view in the address. A change of anything but the page goes back to the first page. */
export function useAdminView() {
  const [query, setQuery] = useSearchParams();
  const view = useMemo(() => readAdminView(query), [query]);
  const change = useCallback(
    (part: Partial<AdminView>) =>
      setQuery((known) => writeAdminView({ ...readAdminView(known), page: 1, ...part }, known), { replace: true }),
    [setQuery],
  );
  return { view, change };
}

/** Stops somebody's environment, who reads why. */
export function stopFor({ namespace, name }: EnvironmentView, reason: string): Promise<unknown> {
  return take(
    client.POST("/api/v1/namespaces/{namespace}/environments/{name}/stop", {
      params: { path: { namespace, name }, query: { reason } },
    }),
  );
}
