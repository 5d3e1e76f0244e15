import { useEffect, useState } from "react";
import { useLive } from "../api/live";
import { embedded, serverPath } from "../base";
import { useTexts } from "../i18n";
import { formatClock } from "../model/times";
import { Dialog } from "../ui/Dialog";
import { Button } from "../ui/kit";
import { useNotices } from "../ui/Notices";
import styles from "./interruptions.module.css";

// A connection that comes back at once is no news.
const PATIENCE_MS = 5000;

/** Says that what is shown may be old, and since when, while the stream of changes is away. */
export function LiveStrip() {
  const { t } = useTexts();
  const { state, sessionEnded, retry } = useLive();
  const { announce } = useNotices();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (state.live) {
      setShown(false);
      return;
    }
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state.live]);
  const text = t("state.paused", { time: formatClock(state.heardAt) });
  useEffect(() => {
    if (shown) {
      announce(text);
    }
  }, [shown, text, announce]);
  if (!shown || sessionEnded) {
    return null;
  }
  return (
    <div className={styles.strip}>
      <span>{text}</span>
      <Button size="compact-sm" variant="default" onClick={retry}>
        {t("state.retry-now")}
      </Button>
    </div>
  );
}

/** An ended session costs nothing that was typed: the page waits until another tab has signed in. */
export function SessionDialog() {
  const { t } = useTexts();
  const { sessionEnded } = useLive();
  const [put, setPut] = useState(false);
  useEffect(() => {
    if (!sessionEnded) {
      setPut(false);
    }
  }, [sessionEnded]);
  const here = location.pathname + location.search;
  return (
    <Dialog
      opened={sessionEnded && !put}
      onClose={() => setPut(true)}
      title={t(embedded ? "session.console" : "session.title")}
    >
      <p>{t(embedded ? "session.console-hint" : "session.hint")}</p>
      {embedded ? (
        <Button onClick={() => (window.parent ?? window).location.reload()}>{t("session.reload")}</Button>
      ) : (
        <Button
          component="a"
          href={serverPath(`/signin?next=${encodeURIComponent(here)}`)}
          target="_blank"
          rel="noopener"
          data-autofocus
        >
          {t("session.signin")} {t("new-tab")}
        </Button>
      )}
    </Dialog>
  );
}
