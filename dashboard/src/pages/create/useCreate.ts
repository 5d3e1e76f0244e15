import { useMutation } from "@tanstack/react-query";
import { ApiError, client, take } from "../../api/client";
import { create } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { type Form, makeRequest } from "./form";

/** Creates. If the answer gets lost, looks whether it was made; a repeat of the same name is refused by the cluster. */
export function useCreate() {
  return useMutation({
    mutationFn: async (form: Form): Promise<EnvironmentView> => {
      try {
        return await create(form.namespace, makeRequest(form), { dryRun: false });
      } catch (error) {
        if (error instanceof ApiError && error.status === 0) {
          return await findMade(form, error);
        }
        throw error;
      }
    },
  });
}

async function findMade(form: Form, lost: ApiError): Promise<EnvironmentView> {
  const path = { namespace: form.namespace, name: form.address };
  const found = await take(
    client.GET("/api/v1/namespaces/{namespace}/environments/{name}", { params: { path } }),
  ).catch(() => undefined);
  if (found?.template !== form.template) {
    throw lost;
  }
  return found;
}
