// Where the dashboard is served: below `/`, or below a prefix that a proxy puts before it. Only the browser knows, by
// the address that this file itself came from: <base>assets/<file>.
export const base: string = import.meta.env.PROD ? new URL(/* @vite-ignore */ "../", import.meta.url).pathname : "/";

/** The browser's address for a path of the server that begins with `/`. */
export function serverPath(path: string): string {
  return base + path.slice(1);
}

const query = new URLSearchParams(location.search);

const FRAME_KEYS = ["embed", "lang", "theme", "ws"];

/** Whether another product shows the dashboard in a frame; then it writes no cookie and has no header of its own. */
export const embedded: boolean = query.get("embed") === "1";

/** The workspace of KubeSphere that the frame is a page of; empty: none, or no frame. */
export const workspace: string = (embedded && query.get("ws")) || "";

/** What the frame was opened with; without it, a page that is loaded again would be another one. */
export const frameQuery: string = new URLSearchParams(
  [...query].filter(([key]) => FRAME_KEYS.includes(key)),
).toString();
