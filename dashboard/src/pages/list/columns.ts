import { useState } from "react";
import type { Sort } from "../../model/listing";
import { recall, remember } from "../../ui/memory";

/** Those that rows can be sorted by. */
export const COLUMNS = [
  "name",
  "status",
  "template",
  "project",
  "owner",
  "activity",
] as const satisfies readonly Sort[];

/** What a row is found and used by stays. */
export const HIDEABLE = ["template", "project", "owner", "activity", "figures"] as const;
export type Hideable = (typeof HIDEABLE)[number];

const KEY = "dw-list-hidden";

export interface Columns {
  readonly hidden: ReadonlySet<Hideable>;
  readonly hide: (column: Hideable, hidden: boolean) => void;
}

export function isHideable(column: string): column is Hideable {
  return HIDEABLE.some((known) => known === column);
}

/** Which columns this browser was told to leave out. */
export function useColumns(): Columns {
  const [hidden, setHidden] = useState<ReadonlySet<Hideable>>(
    () => new Set((recall(KEY) ?? "").split(",").filter(isHideable)),
  );
  const hide = (column: Hideable, on: boolean) => {
    const next = HIDEABLE.filter((one) => (one === column ? on : hidden.has(one)));
    remember(KEY, next.join(","));
    setHidden(new Set(next));
  };
  return { hidden, hide };
}
