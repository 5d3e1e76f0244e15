import { type KeyboardEvent, type RefObject, useId, useRef } from "react";
import { useTexts } from "../../i18n";
import { useNotices } from "../../ui/Notices";
import styles from "./YamlField.module.css";

interface YamlFieldProps {
  readonly text: string;
  readonly invalid: boolean;
  readonly place: RefObject<HTMLTextAreaElement | null>;
  readonly onChange: (text: string) => void;
}

const LEAST_LINES = 16;
const INDENT = "  ";

/** The document as text. Tab indents, so the way out by keyboard is Escape, then Tab; Shift+Tab always leads out. */
export function YamlField({ text, invalid, place, onChange }: YamlFieldProps) {
  const { t } = useTexts();
  const { announce } = useNotices();
  const hint = useId();
  const leaving = useRef(false);
  const lines = text.split("\n").length;
  const press = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Escape") {
      leaving.current = true;
      announce(t("editor.may-leave"));
    } else if (event.key === "Tab" && !event.shiftKey && !leaving.current) {
      event.preventDefault();
      const field = event.currentTarget;
      field.setRangeText(INDENT, field.selectionStart, field.selectionEnd, "end");
      onChange(field.value);
    } else if (event.key !== "Tab") {
      leaving.current = false;
    }
  };
  return (
    <div className={styles.panel}>
      <p id={hint} className={styles.hint}>
        {t("editor.leave-hint")}
      </p>
      <div className={styles.frame}>
        <pre className={styles.numbers} aria-hidden>
          {Array.from({ length: Math.max(lines, LEAST_LINES) }, (_, index) => index + 1).join("\n")}
        </pre>
        <textarea
          ref={place}
          className={styles.text}
          aria-label={t("editor.yaml")}
          aria-describedby={hint}
          aria-invalid={invalid || undefined}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          rows={Math.max(lines, LEAST_LINES)}
          value={text}
          onKeyDown={press}
          onBlur={() => {
            leaving.current = false;
          }}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      </div>
    </div>
  );
}

/** Puts the cursor on a line and brings it into view. */
export function goToLine(field: HTMLTextAreaElement | null, line: number): void {
  if (field === null) {
    return;
  }
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  field.focus({ preventScroll: true });
  field.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  const height = field.scrollHeight / Math.max(1, field.rows);
  const top = field.getBoundingClientRect().top + window.scrollY + (line - 1) * height;
  window.scrollTo({ top: Math.max(0, top - window.innerHeight / 3) });
}
