import { useEffect, useState } from "react";
import { useEnvironments } from "../../api/live";
import { act, useChange } from "../../api/queries";
import type { EnvironmentView, TemplateView } from "../../api/schema";
import { InTurnProgress } from "../../environments/InTurnProgress";
import type { Outcome } from "../../environments/inTurn";
import { NotDone } from "../../environments/NotDone";
import { Picks, usePicks } from "../../environments/Picks";
import { useInTurn } from "../../environments/useInTurn";
import { useTexts } from "../../i18n";
import { mayBeInUse } from "../../model/overview";
import { canDo, groupOf } from "../../model/phases";
import { titleOf } from "../../model/templates";
import { Dialog } from "../../ui/Dialog";
import { Button, Skeleton } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./EditorPage.module.css";

interface RestartDialogProps {
  /** The dialog is open while there is one. */
  readonly template: TemplateView | null;
  readonly onClose: () => void;
}

const NONE: readonly EnvironmentView[] = [];

/** Restarts environments that run an older state of their template; those in use only if they are ticked. */
export function RestartDialog({ template, onClose }: RestartDialogProps) {
  const { t, tag } = useTexts();
  const restart = useRestart();
  const close = () => !restart.isPending && onClose();
  return (
    <Dialog
      opened={template !== null}
      onClose={close}
      title={t("templates.restart-title", { name: titleOf(template, tag) })}
    >
      {template !== null && <Choice template={template} restart={restart} onClose={onClose} />}
    </Dialog>
  );
}

function useRestart() {
  const work = useInTurn();
  const change = useChange((chosen: readonly EnvironmentView[]) =>
    work.run(chosen, (environment) => act(environment, "restart")),
  );
  return { work, isPending: change.isPending, run: change.mutate };
}

interface ChoiceProps {
  readonly template: TemplateView;
  readonly restart: ReturnType<typeof useRestart>;
  readonly onClose: () => void;
}

function Choice({ template, restart, onClose }: ChoiceProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const found = useOutdated(template);
  const picks = usePicks(found ?? NONE, mayBeInUse);
  const { chosen } = picks;
  const [outcomes, setOutcomes] = useState<readonly Outcome<EnvironmentView>[]>([]);
  const submit = () =>
    restart.run(chosen, {
      onSuccess: (results) => {
        const done = new Set(results.filter(({ result }) => result === "done").map(({ item }) => item.uid));
        tell({ tone: "done", text: t("templates.restarting", { count: done.size }) });
        setOutcomes(results);
        picks.tick(done, false);
        if (done.size === results.length) {
          onClose();
        }
      },
    });
  return (
    <form
      className={styles.dialog}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {found === undefined ? (
        <Skeleton height={80} animate={false} />
      ) : (
        <p className={styles.line}>{t(found.length === 0 ? "templates.restart-none" : "templates.restart-hint")}</p>
      )}
      <Picks picks={picks} labels={{ free: t("templates.restart-these"), used: t("templates.restart-used") }} />
      <NotDone outcomes={outcomes} />
      <InTurnProgress work={restart.work} />
      <div className={styles.buttons}>
        <Button variant="default" data-autofocus disabled={restart.isPending} onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button type="submit" loading={restart.isPending} disabled={chosen.length === 0}>
          {t("templates.restart-confirm", { count: chosen.length })}
        </Button>
      </div>
    </form>
  );
}

/** Running environments of a template that this person may restart and that need it, as they were when it was asked. */
function useOutdated({ name }: TemplateView): readonly EnvironmentView[] | undefined {
  const { data } = useEnvironments();
  const [found, setFound] = useState<readonly EnvironmentView[]>();
  useEffect(() => {
    if (data !== undefined) {
      const all = [...data.values()].filter(
        (one) => one.template === name && one.templateOutdated && groupOf(one) === "running" && canDo(one, "restart"),
      );
      setFound((before) => before ?? all);
    }
  }, [data, name]);
  return found;
}
