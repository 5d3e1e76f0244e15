import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { Dialog, DialogButtons, DialogText } from "../ui/Dialog";
import { Button } from "../ui/kit";
import { Ago } from "./Ago";

const RECENT_MS = 5 * 60_000;

/** Whether an action would end what somebody else is probably doing right now. */
export function disturbs(
  { owner, lastActivity }: EnvironmentView,
  { action, me, now }: { readonly action: string; readonly me: string | undefined; readonly now: number },
): boolean {
  const recent = lastActivity !== null && now - Date.parse(lastActivity) < RECENT_MS;
  const ends = action === "stop" || action === "restart" || action === "safe-start";
  return ends && me !== undefined && owner !== "" && owner !== me && recent;
}

interface StopQuestionProps {
  readonly environment: EnvironmentView;
  /** What the button says that was pressed. */
  readonly label: string;
  readonly onAnswer: (yes: boolean) => void;
}

/** Asks before somebody else's work is interrupted. */
export function StopQuestion({ environment, label, onAnswer }: StopQuestionProps) {
  const { t } = useTexts();
  const { owner, displayName, lastActivity } = environment;
  return (
    <Dialog opened onClose={() => onAnswer(false)} title={t("stop.working", { owner })}>
      <DialogText>{t("stop.working-hint", { name: displayName })}</DialogText>
      <DialogText>
        {t("detail.activity")} <Ago time={lastActivity} />
      </DialogText>
      <DialogButtons>
        <Button variant="default" data-autofocus onClick={() => onAnswer(false)}>
          {t("cancel")}
        </Button>
        <Button onClick={() => onAnswer(true)}>{label}</Button>
      </DialogButtons>
    </Dialog>
  );
}
