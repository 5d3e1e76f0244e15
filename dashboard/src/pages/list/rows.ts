import type { Dispatch, SetStateAction } from "react";
import type { EnvironmentView } from "../../api/schema";
import type { TemplateNames } from "../../model/templates";

export interface RowsProps {
  readonly rows: readonly EnvironmentView[];
  /** What there is now; a row that is not among them has been deleted while somebody looked at it. */
  readonly known: ReadonlyMap<string, EnvironmentView>;
  readonly selected: ReadonlySet<string>;
  /** Rows are not drawn again for another one's selection, so that they do not know it. */
  readonly onSelect: Dispatch<SetStateAction<ReadonlySet<string>>>;
  readonly onDelete: (environment: EnvironmentView) => void;
  readonly templateNames: TemplateNames;
}

/** `selected` with `uid` in it or not. */
export function toggle(selected: ReadonlySet<string>, uid: string, on: boolean): ReadonlySet<string> {
  const result = new Set(selected);
  if (on) {
    result.add(uid);
  } else {
    result.delete(uid);
  }
  return result;
}

export function detailPath(environment: EnvironmentView): string {
  return `/envs/${environment.namespace}/${environment.name}`;
}
