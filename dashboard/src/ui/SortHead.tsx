import { IconArrowDown, IconArrowsSort, IconArrowUp } from "@tabler/icons-react";
import styles from "./table.module.css";

interface SortHeadProps<Column extends string> {
  readonly column: Column;
  readonly label: string;
  readonly className: string | undefined;
  readonly view: { readonly sort: string; readonly descending: boolean };
  readonly onChange: (part: { sort: Column; descending: boolean }) => void;
}

/** The head of a column that rows can be sorted by; once more turns the order round. */
export function SortHead<Column extends string>({ column, label, className, view, onChange }: SortHeadProps<Column>) {
  const active = view.sort === column;
  const Icon = !active ? IconArrowsSort : view.descending ? IconArrowDown : IconArrowUp;
  return (
    <th scope="col" className={className} aria-sort={active ? (view.descending ? "descending" : "ascending") : "none"}>
      <button
        type="button"
        className={styles.sort}
        onClick={() => onChange({ sort: column, descending: active && !view.descending })}
      >
        {label}
        <Icon size={14} aria-hidden className={styles.arrow} data-active={active} />
      </button>
    </th>
  );
}
