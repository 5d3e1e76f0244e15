import { type RefObject, useEffect } from "react";
import { useBlocker } from "react-router";
import { useTexts } from "../i18n";
import { Dialog, DialogButtons, DialogText } from "./Dialog";
import { Button } from "./kit";

interface LeaveDialogProps {
  readonly unsaved: boolean;
  /** What would be lost. */
  readonly text: string;
  /** Whether it has just been saved, which no drawing knows of yet. */
  readonly saved?: RefObject<boolean>;
}

/** Asks before what was typed is lost, whether by a link here or by the browser's own buttons. */
export function LeaveDialog({ unsaved, text, saved }: LeaveDialogProps) {
  const { t } = useTexts();
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      unsaved && saved?.current !== true && currentLocation.pathname !== nextLocation.pathname,
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
    <Dialog opened={blocker.state === "blocked"} onClose={() => blocker.reset?.()} title={t("leave.title")}>
      <DialogText>{text}</DialogText>
      <DialogButtons>
        <Button variant="default" data-autofocus onClick={() => blocker.reset?.()}>
          {t("leave.stay")}
        </Button>
        <Button onClick={() => blocker.proceed?.()}>{t("leave.now")}</Button>
      </DialogButtons>
    </Dialog>
  );
}
