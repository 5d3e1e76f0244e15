import type { TemplateView } from "../../api/schema";

/** The list of the environments that were made from a template. */
export function usersOf({ name }: TemplateView): string {
  return `/envs?template=${encodeURIComponent(name)}`;
}
