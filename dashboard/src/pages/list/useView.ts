import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { readView, type View, writeView } from "../../model/listing";

/** The list's view in the address. A change of anything but the page goes back to the first page. */
export function useView() {
  const [query, setQuery] = useSearchParams();
  const { view, dropped } = useMemo(() => readView(query), [query]);
  const change = useCallback(
    (part: Partial<View>) =>
      setQuery((known) => writeView({ ...readView(known).view, page: 1, ...part }, known), { replace: true }),
    [setQuery],
  );
  return { view, dropped, change };
}
