import { type RefObject, useEffect } from "react";
import { useBlocker } from "react-router";
import { useTexts } from "../../i18n";
import { Dialog } from "../../ui/Dialog";
import { Button } from "../../ui/kit";
import styles from "./EditorPage.module.css";

interface LeaveDialogProps {
  readonly dirty: boolean;
  /** Whether it has just been saved, which no drawing knows of yet. */
  readonly done: RefObject<boolean>;
}

/** Asks before somebody leaves what they have not saved. */
export function LeaveDialog({ dirty, done }: LeaveDialogProps) {
  const { t } = useTexts();
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => dirty && !done.current && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    if (!dirty) {
      return;
    }
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty]);
  return (
    <Dialog opened={blocker.state === "blocked"} onClose={() => blocker.reset?.()} title={t("editor.leave")}>
      <p className={styles.line}>{t("editor.leave-text")}</p>
      <div className={styles.buttons}>
        <Button variant="default" data-autofocus onClick={() => blocker.reset?.()}>
          {t("editor.stay")}
        </Button>
        <Button onClick={() => blocker.proceed?.()}>{t("editor.leave-now")}</Button>
      </div>
    </Dialog>
  );
}
