import { client, take } from "../../api/client";
import { embedded, serverPath } from "../../base";

interface Wanted {
  readonly namespace: string;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** An address that opens the environment: once and by itself for a frame's person, by the session for everybody else. */
export async function fetchTicket({ namespace, name, signal }: Wanted): Promise<string> {
  const path = { namespace, name };
  if (!embedded) {
    const found = await take(
      client.GET("/api/v1/namespaces/{namespace}/environments/{name}", { params: { path }, signal }),
    );
    return serverPath(found.openPath);
  }
  const made = await take(
    client.POST("/api/v1/namespaces/{namespace}/environments/{name}/ticket", { params: { path }, signal }),
  );
  return made.url;
}
