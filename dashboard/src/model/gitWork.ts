import type { GitView } from "../api/schema";

/** From here on the pod counts no further. */
const MOST = 1000;

/** How many, as people read it. */
export function countOf(count: number): string {
  return count >= MOST ? `${MOST}+` : String(count);
}

/** What would be lost with the disk; `unknown` where nobody has looked. */
export function workOf({ changedFiles, unpushedCommits }: GitView): "unknown" | "none" | "some" {
  if (changedFiles === null || unpushedCommits === null) {
    return "unknown";
  }
  return changedFiles + unpushedCommits > 0 ? "some" : "none";
}
