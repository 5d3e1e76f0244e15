import { useEffect } from "react";
import { useBlocker } from "react-router";
import { useTexts } from "../../../i18n";
import { Dialog } from "../../../ui/Dialog";
import { Button } from "../../../ui/kit";
import styles from "./Settings.module.css";

/** Asks before what was typed is lost, whether by a link here or by the browser's own buttons. */
export function LeaveDialog({ unsaved }: { readonly unsaved: boolean }) {
  const { t } = useTexts();
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => unsaved && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    if (!unsaved) {
      return;
    }
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [unsaved]);
  return (
    <Dialog opened={blocker.state === "blocked"} onClose={() => blocker.reset?.()} title={t("settings.leave")}>
      <p className={styles.line}>{t("settings.leave-hint")}</p>
      <div className={styles.buttons}>
        <Button variant="default" data-autofocus onClick={() => blocker.reset?.()}>
          {t("settings.stay")}
        </Button>
        <Button onClick={() => blocker.proceed?.()}>{t("settings.leave-anyway")}</Button>
      </div>
    </Dialog>
  );
}
