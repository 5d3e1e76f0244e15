import { IconX } from "@tabler/icons-react";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { useTexts } from "../i18n";
import { ActionIcon } from "./kit";
import styles from "./Notices.module.css";

export interface Notice {
  readonly text: string;
  readonly tone: "done" | "failed";
}

interface Notices {
  /** Shows what became of an action; a failure stays until it is dismissed. */
  readonly tell: (notice: Notice) => void;
  /** Says something to screen readers only. */
  readonly announce: (text: string) => void;
}

const NoticesContext = createContext<Notices | undefined>(undefined);
const SHOWN_MS = 8000;
const MOST = 4;

export function NoticesProvider({ children }: { readonly children: ReactNode }) {
  const { t } = useTexts();
  const [shown, setShown] = useState<readonly (Notice & { id: number })[]>([]);
  const [spoken, setSpoken] = useState("");
  const next = useRef(0);
  const dismiss = useCallback((id: number) => setShown((known) => known.filter((notice) => notice.id !== id)), []);
  const value = useMemo<Notices>(
    () => ({
      tell: (notice) => {
        const id = next.current++;
        setShown((known) => [...known.filter((other) => other.text !== notice.text), { ...notice, id }].slice(-MOST));
        if (notice.tone === "done") {
          setTimeout(() => dismiss(id), SHOWN_MS);
        }
      },
      announce: setSpoken,
    }),
    [dismiss],
  );
  return (
    <NoticesContext value={value}>
      {children}
      <div className={styles.stack} role="log" aria-relevant="additions">
        {shown.map((notice) => (
          <div
            key={notice.id}
            className={styles.notice}
            data-tone={notice.tone}
            role={notice.tone === "failed" ? "alert" : undefined}
          >
            <span>{notice.text}</span>
            <ActionIcon variant="subtle" color="gray" aria-label={t("close")} onClick={() => dismiss(notice.id)}>
              <IconX size={16} aria-hidden />
            </ActionIcon>
          </div>
        ))}
      </div>
      <div className={styles.unseen} aria-live="polite">
        {spoken}
      </div>
    </NoticesContext>
  );
}

export function useNotices(): Notices {
  const notices = useContext(NoticesContext);
  if (notices === undefined) {
    throw new Error("useNotices needs a NoticesProvider above it");
  }
  return notices;
}
