import type { ReactNode } from "react";
import styles from "./Callout.module.css";

interface CalloutProps {
  readonly tone: "plain" | "warning" | "failed";
  readonly title?: string;
  readonly children?: ReactNode;
}

/** Something that people should notice where they read on. A failure is told at once, the rest in its turn. */
export function Callout({ tone, title, children }: CalloutProps) {
  return (
    <div className={styles.callout} data-tone={tone} role={tone === "failed" ? "alert" : "status"}>
      {title !== undefined && <p className={styles.title}>{title}</p>}
      {children}
    </div>
  );
}
