import { useSyncExternalStore } from "react";

/** Whether there is room for tables, or for what needs so many pixels. */
export function useWide(pixels = 768): boolean {
  const query = `(min-width: ${pixels}px)`;
  return useSyncExternalStore(
    (onChange) => {
      const list = matchMedia(query);
      list.addEventListener("change", onChange);
      return () => list.removeEventListener("change", onChange);
    },
    () => matchMedia(query).matches,
  );
}
