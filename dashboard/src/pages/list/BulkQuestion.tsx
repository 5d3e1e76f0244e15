import type { EnvironmentView } from "../../api/schema";
import { Picks, usePicks } from "../../environments/Picks";
import { useTexts } from "../../i18n";
import { Dialog, DialogButtons, DialogText } from "../../ui/Dialog";
import { Button } from "../../ui/kit";

interface BulkQuestionProps {
  /** What is to be stopped or restarted; asked about while there is any. */
  readonly environments: readonly EnvironmentView[];
  readonly action: "stop" | "restart";
  /** Whether somebody else is working in one. */
  readonly isUsed: (environment: EnvironmentView, now: number) => boolean;
  /** Told those that are meant; null: none after all. */
  readonly onAnswer: (chosen: readonly EnvironmentView[] | null) => void;
}

/** Asks before the work of others is interrupted, and leaves theirs out unless it is ticked. */
export function BulkQuestion({ environments, action, isUsed, onAnswer }: BulkQuestionProps) {
  const { t } = useTexts();
  const picks = usePicks(environments, isUsed);
  const { chosen, used } = picks;
  return (
    <Dialog
      opened={environments.length > 0}
      onClose={() => onAnswer(null)}
      title={t("bulk.working", { count: used.length })}
    >
      <DialogText>{t("bulk.working-hint")}</DialogText>
      <Picks picks={picks} labels={{ free: t("bulk.free"), used: t("bulk.used") }} />
      <DialogButtons>
        <Button variant="default" data-autofocus onClick={() => onAnswer(null)}>
          {t("cancel")}
        </Button>
        <Button disabled={chosen.length === 0} onClick={() => onAnswer(chosen)}>
          {t(`bulk.${action}`, { count: chosen.length })}
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
