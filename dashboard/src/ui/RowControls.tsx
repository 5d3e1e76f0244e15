import type { ReactNode } from "react";
import styles from "./RowControls.module.css";

// A filter or another page makes all rows anew. One of the library's components takes 0.3 to 0.5 ms of that, and a row
// has five; these are an element with a class.

interface RowButtonProps {
  readonly busy: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}

export function RowButton({ busy, onClick, children }: RowButtonProps) {
  return (
    <button type="button" className={styles.button} disabled={busy} aria-busy={busy || undefined} onClick={onClick}>
      {children}
    </button>
  );
}

interface RowLinkProps {
  readonly href: string;
  /** Whether it is what people came for. */
  readonly strong: boolean;
  readonly children: ReactNode;
}

/** A link into another tab. */
export function RowLink({ href, strong, children }: RowLinkProps) {
  return (
    <a href={href} target="_blank" rel="noopener" className={styles.button} data-strong={strong || undefined}>
      {children}
    </a>
  );
}

interface RowCheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly disabled: boolean;
  readonly onChange: (on: boolean) => void;
}

export function RowCheck({ label, checked, disabled, onChange }: RowCheckProps) {
  return (
    <input
      type="checkbox"
      className={styles.check}
      aria-label={label}
      checked={checked}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

/** Words for those who cannot see the row that a control stands in. */
export function RowHint({ children }: { readonly children: ReactNode }) {
  return <span className={styles.hidden}>{children}</span>;
}
