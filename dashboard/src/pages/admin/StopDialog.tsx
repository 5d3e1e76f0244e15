import { useEffect, useState } from "react";
import { useChange } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { InTurnProgress } from "../../environments/InTurnProgress";
import type { Outcome } from "../../environments/inTurn";
import { NotDone } from "../../environments/NotDone";
import { Picks, usePicks } from "../../environments/Picks";
import { useInTurn } from "../../environments/useInTurn";
import { useTexts } from "../../i18n";
import { isInUse } from "../../model/overview";
import { Dialog } from "../../ui/Dialog";
import { Button, TextInput } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./AdminPage.module.css";
import { stopFor } from "./useAdmin";

const REASON_LENGTH = 256;

interface StopDialogProps {
  /** What is to be stopped; the dialog is open while there is any. */
  readonly environments: readonly EnvironmentView[];
  /** Told the uids of those that are being stopped. */
  readonly onClose: (stopped: ReadonlySet<string>) => void;
}

/** Asks for a reason, which the owners read, and leaves out those in which somebody works unless they are ticked. */
export function StopDialog({ environments, onClose }: StopDialogProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const [reason, setReason] = useState("");
  const picks = usePicks(environments, isInUse);
  const { chosen } = picks;
  const [outcomes, setOutcomes] = useState<readonly Outcome<EnvironmentView>[]>([]);
  const work = useInTurn();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what became of the former ones is not said of these
  useEffect(() => setOutcomes([]), [environments]);

  const change = useChange(() => work.run(chosen, (environment) => stopFor(environment, reason.trim())));
  const submit = () =>
    change.mutate(undefined, {
      onSuccess: (results) => {
        const stopped = new Set(results.filter(({ result }) => result === "done").map(({ item }) => item.uid));
        tell({ tone: "done", text: t("admin.stopping", { count: stopped.size }) });
        setOutcomes(results);
        // What was refused or left stays here, to be tried again.
        picks.tick(stopped, false);
        if (stopped.size === results.length) {
          setReason("");
          onClose(stopped);
        }
      },
    });

  return (
    <Dialog
      opened={environments.length > 0}
      onClose={() => !change.isPending && onClose(new Set())}
      title={t("admin.stop-title", { count: chosen.length })}
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <TextInput
          label={t("admin.reason")}
          description={t("admin.reason-hint")}
          data-autofocus
          required
          maxLength={REASON_LENGTH}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Picks picks={picks} labels={{ free: t("admin.stop-these"), used: t("admin.stop-used") }} />
        <NotDone outcomes={outcomes} />
        <InTurnProgress work={work} />
        <div className={styles.buttons}>
          <Button variant="default" disabled={change.isPending} onClick={() => onClose(new Set())}>
            {t("cancel")}
          </Button>
          <Button type="submit" loading={change.isPending} disabled={chosen.length === 0 || reason.trim() === ""}>
            {t("admin.stop-confirm", { count: chosen.length })}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
