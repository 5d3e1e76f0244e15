import type { EnvironmentView } from "../api/schema";
import { base, embedded, frameQuery, serverPath } from "../base";

/** Where a click on "Open" leads. A frame has no session to open with, so that its link leads to a page that gets one. */
export function editorAddress({ namespace, name, openPath }: EnvironmentView): string {
  return embedded ? `${base}start/${namespace}/${name}?${frameQuery}` : serverPath(openPath);
}
