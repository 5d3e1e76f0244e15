import { useMemo } from "react";
import { useTexts } from "../../i18n";
import { diffLines, withContext } from "../../model/diff";
import styles from "./DiffView.module.css";

const CONTEXT = 2;
const SIGNS = { same: " ", added: "+", removed: "-" } as const;

/** What a text becomes: changed lines with their sign, and a few around them. */
export function DiffView({ before, after }: { readonly before: string; readonly after: string }) {
  const { t } = useTexts();
  const lines = useMemo(() => withContext(diffLines(before, after), CONTEXT), [before, after]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={styles.diff} aria-label={t("editor.diff")} tabIndex={0}>
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other identity and do not move
        <pre key={index} className={styles.line} data-kind={line?.kind ?? "gap"}>
          {line === null ? "⋯" : `${SIGNS[line.kind]} ${line.text}`}
        </pre>
      ))}
    </section>
  );
}
