import { useSyncExternalStore } from "react";

const query = "(min-width: 768px)";

/** Whether there is room for tables. */
export function useWide(): boolean {
  return useSyncExternalStore(
    (onChange) => {
      const list = matchMedia(query);
      list.addEventListener("change", onChange);
      return () => list.removeEventListener("change", onChange);
    },
    () => matchMedia(query).matches,
  );
}
