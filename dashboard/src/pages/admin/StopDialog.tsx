import { useEffect, useState } from "react";
import { useChange } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { inTurn } from "../../environments/inTurn";
import { useTexts } from "../../i18n";
import { isInUse } from "../../model/overview";
import { Dialog } from "../../ui/Dialog";
import { Button, Checkbox, TextInput } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import { toggle } from "../list/rows";
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
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [used, setUsed] = useState<ReadonlySet<string>>(new Set());
  const [refused, setRefused] = useState<readonly string[]>([]);
  useEffect(() => {
    const now = Date.now();
    const busy = environments.filter((environment) => isInUse(environment, now));
    setUsed(new Set(busy.map(({ uid }) => uid)));
    setTicked(new Set(environments.filter((one) => !busy.includes(one)).map(({ uid }) => uid)));
    setRefused([]);
  }, [environments]);

  const chosen = environments.filter(({ uid }) => ticked.has(uid));
  const change = useChange(async () => {
    const failures: string[] = [];
    const stopped = new Set<string>();
    await inTurn(chosen, async (environment) => {
      try {
        await stopFor(environment, reason.trim());
        stopped.add(environment.uid);
      } catch (error) {
        failures.push(t("done.failed", { name: environment.displayName, message: explain(error, t) }));
      }
    });
    return { failures, stopped };
  });
  const submit = () =>
    change.mutate(undefined, {
      onSuccess: ({ failures, stopped }) => {
        tell({ tone: "done", text: t("admin.stopping", { count: stopped.size }) });
        setRefused(failures);
        // What was refused stays here, to be tried again.
        setTicked((before) => new Set([...before].filter((uid) => !stopped.has(uid))));
        if (failures.length === 0) {
          setReason("");
          onClose(stopped);
        }
      },
    });
  const pick = (group: readonly EnvironmentView[], legend: string) =>
    group.length > 0 && (
      <fieldset className={styles.choice}>
        <legend>{legend}</legend>
        <div className={styles.choices}>
          {group.map((environment) => (
            <Checkbox
              key={environment.uid}
              size="xs"
              label={t("admin.of", { name: environment.displayName, owner: environment.owner })}
              checked={ticked.has(environment.uid)}
              onChange={(event) => setTicked((before) => toggle(before, environment.uid, event.currentTarget.checked))}
            />
          ))}
        </div>
      </fieldset>
    );

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
        {pick(
          environments.filter(({ uid }) => !used.has(uid)),
          t("admin.stop-these"),
        )}
        {pick(
          environments.filter(({ uid }) => used.has(uid)),
          t("admin.stop-used"),
        )}
        {refused.length > 0 && (
          <div role="alert">
            {refused.map((text) => (
              <p key={text} className={styles.outcome}>
                {text}
              </p>
            ))}
          </div>
        )}
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
