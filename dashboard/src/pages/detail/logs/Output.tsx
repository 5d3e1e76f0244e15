import { memo, useLayoutEffect, useRef, useState } from "react";
import { useTexts } from "../../../i18n";
import { Button } from "../../../ui/kit";
import styles from "./Logs.module.css";
import { type Block, countLines, type Kept, type Line } from "./lines";

interface OutputProps {
  readonly kept: Kept;
  /** Only lines with this text, in lower case, are shown; empty: all. */
  readonly needle: string;
  readonly wrap: boolean;
  readonly timestamps: boolean;
  readonly label: string;
}

const NEAR_PIXELS = 24;

/** The lines, at their end unless somebody has scrolled up to read. Text only: nothing in them is ever markup. */
export function Output({ kept, needle, wrap, timestamps, label }: OutputProps) {
  const { t } = useTexts();
  const frame = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  // How many lines had come when somebody scrolled away from the end; undefined while at the end.
  const [left, setLeft] = useState<number>();
  const come = countLines(kept) + kept.dropped;

  const goToEnd = () => {
    atEnd.current = true;
    setLeft(undefined);
    frame.current?.scrollTo({ top: frame.current.scrollHeight });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever changes the height
  useLayoutEffect(() => {
    const element = frame.current;
    if (element !== null && atEnd.current) {
      element.scrollTop = element.scrollHeight;
    }
  }, [kept, needle, wrap, timestamps]);
  const look = () => {
    const element = frame.current;
    if (element === null) {
      return;
    }
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PIXELS;
    setLeft((known) => (atEnd.current ? undefined : (known ?? come)));
  };
  const news = left === undefined ? 0 : come - left;
  return (
    <div className={styles.place}>
      <div
        ref={frame}
        role="log"
        aria-live="off"
        aria-label={t("logs.label", { name: label })}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className={styles.frame}
        data-wrap={wrap}
        onScroll={look}
        lang="en"
      >
        {kept.blocks.map((block) => (
          <Lines key={block.id} block={block} needle={needle} timestamps={timestamps} />
        ))}
      </div>
      {news > 0 && (
        <Button size="compact-sm" className={styles.news} onClick={goToEnd}>
          {t("logs.news", { count: news })}
        </Button>
      )}
    </div>
  );
}

interface LinesProps {
  readonly block: Block;
  readonly needle: string;
  readonly timestamps: boolean;
}

const Lines = memo(function Lines({ block, needle, timestamps }: LinesProps) {
  return (
    <div className={styles.block}>
      {block.lines.map((line, index) =>
        needle === "" || line.text.toLowerCase().includes(needle) ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: a block only grows at its end
          <div key={index} className={styles.line}>
            {timestamps && line.time !== "" && (
              <time className={styles.time} dateTime={line.time}>
                {formatTime(line)}{" "}
              </time>
            )}
            <Marked text={line.text} needle={needle} />
          </div>
        ) : null,
      )}
    </div>
  );
});

/** `2026-11-25 14:03:07.123`, in the person's own zone. */
function formatTime({ time }: Line): string {
  const date = new Date(time);
  const own = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return own.toISOString().slice(0, 23).replace("T", " ");
}

/** A text in which what was looked for stands out. */
function Marked({ text, needle }: { readonly text: string; readonly needle: string }) {
  if (needle === "") {
    return text;
  }
  const low = text.toLowerCase();
  const parts: (string | { readonly at: number; readonly text: string })[] = [];
  let from = 0;
  for (let at = low.indexOf(needle); at >= 0; at = low.indexOf(needle, from)) {
    parts.push(text.slice(from, at), { at, text: text.slice(at, at + needle.length) });
    from = at + needle.length;
  }
  parts.push(text.slice(from));
  return parts.map((part) =>
    typeof part === "string" ? (
      part
    ) : (
      <mark key={part.at} className={styles.mark}>
        {part.text}
      </mark>
    ),
  );
}
