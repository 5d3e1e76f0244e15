import { useEffect, useRef, useState } from "react";
import { useLive } from "../api/live";
import { embedded, serverPath } from "../base";
import { useTexts } from "../i18n";
import { formatClock } from "../model/times";
import { Dialog } from "../ui/Dialog";
import { Button } from "../ui/kit";
import { useNotices } from "../ui/Notices";
import { useOnline } from "../ui/useOnline";
import styles from "./interruptions.module.css";

// A connection that comes back at once is no news.
const PATIENCE_MS = 5000;

/** Says that what is shown may be old, and since when, while there is no network or the stream of changes is away. */
export function LiveStrip() {
  const { t } = useTexts();
  const { state, sessionEnded, retry } = useLive();
  const { announce } = useNotices();
  const online = useOnline();
  const paused = useLasting(!state.live, PATIENCE_MS);
  const shown = (paused || !online) && !sessionEnded;
  // Without a network the page knows at once, the stream only after a while.
  const leftAt = useRef(0);
  if (online || leftAt.current === 0) {
    leftAt.current = online ? 0 : Date.now();
  }
  const time = formatClock(state.live ? leftAt.current : state.heardAt);
  const text = t(online ? "state.paused" : "state.offline-strip", { time });
  useEffect(() => {
    if (shown) {
      announce(text);
    }
  }, [shown, text, announce]);
  // What comes back is news, and need not wait for the next attempt.
  const before = useRef({ online, shown });
  useEffect(() => {
    if (!before.current.online && online) {
      retry();
    }
    if (before.current.shown && !shown && !sessionEnded) {
      announce(t("state.resumed"));
    }
    before.current = { online, shown };
  }, [online, shown, sessionEnded, retry, announce, t]);
  if (!shown) {
    return null;
  }
  return (
    <div className={styles.strip} data-interruption={online ? "paused" : "offline"}>
      <span>{text}</span>
      {online && (
        <Button size="compact-sm" variant="default" onClick={retry}>
          {t("state.retry-now")}
        </Button>
      )}
    </div>
  );
}

/** Whether `holds` has held for a while without a pause. */
function useLasting(holds: boolean, milliseconds: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!holds) {
      setLasts(false);
      return;
    }
    const timer = setTimeout(() => setLasts(true), milliseconds);
    return () => clearTimeout(timer);
  }, [holds, milliseconds]);
  return lasts;
}

/** An ended session costs nothing that was typed: the page waits until another tab has signed in. */
export function SessionEnd() {
  const { t } = useTexts();
  const { sessionEnded } = useLive();
  const [put, setPut] = useState(false);
  useEffect(() => {
    if (!sessionEnded) {
      setPut(false);
    }
  }, [sessionEnded]);
  const title = t(embedded ? "session.console" : "session.title");
  return (
    <>
      <Dialog opened={sessionEnded && !put} onClose={() => setPut(true)} title={title}>
        <p>{t(embedded ? "session.console-hint" : "session.hint")}</p>
        <SignInAgain size="sm" focused />
      </Dialog>
      {sessionEnded && put && (
        <div className={styles.strip} data-interruption="session">
          <span>{title}</span>
          <SignInAgain size="compact-sm" />
        </div>
      )}
    </>
  );
}

interface SignInAgainProps {
  readonly size: "sm" | "compact-sm";
  readonly focused?: boolean;
}

/** The way back into a session: in a tab of its own, so that this page stays as it is. */
function SignInAgain({ size, focused = false }: SignInAgainProps) {
  const { t } = useTexts();
  if (embedded) {
    return (
      <Button size={size} onClick={() => (window.parent ?? window).location.reload()}>
        {t("session.reload")}
      </Button>
    );
  }
  const here = location.pathname + location.search;
  return (
    <Button
      component="a"
      size={size}
      href={serverPath(`/signin?next=${encodeURIComponent(here)}`)}
      target="_blank"
      rel="noopener"
      data-autofocus={focused || undefined}
    >
      {t("session.signin")} {t("new-tab")}
    </Button>
  );
}
