import { embedded, frameQuery } from "../base";

/** The address of a page, which stays in its frame when it is loaded again. */
export function pageTo(path: string): string {
  if (!embedded) {
    return path;
  }
  return `${path}${path.includes("?") ? "&" : "?"}${frameQuery}`;
}
