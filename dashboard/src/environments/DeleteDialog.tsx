import { useEffect, useState } from "react";
import { type Data, remove, useChange, useMe } from "../api/queries";
import type { EnvironmentView } from "../api/schema";
import { useTexts } from "../i18n";
import { canDo } from "../model/phases";
import { Callout } from "../ui/Callout";
import { Dialog } from "../ui/Dialog";
import { Button, Radio, TextInput } from "../ui/kit";
import { useNotices } from "../ui/Notices";
import { Ago } from "./Ago";
import styles from "./DeleteDialog.module.css";
import { GitUnpushed, GitUnpushedLine } from "./GitUnpushed";
import { InTurnProgress } from "./InTurnProgress";
import type { Outcome } from "./inTurn";
import { NotDone } from "./NotDone";
import { disturbs } from "./StopQuestion";
import { useInTurn } from "./useInTurn";

interface DeleteDialogProps {
  /** What is to be deleted; the dialog is open while there is any. */
  readonly environments: readonly EnvironmentView[];
  /** Told the uids of those that are being deleted. */
  readonly onClose: (gone: ReadonlySet<string>) => void;
}

/** Asks what becomes of the disks before it deletes: they are kept unless somebody types that they are to go. */
export function DeleteDialog({ environments, onClose }: DeleteDialogProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const [data, setData] = useState<Data>("Retain");
  const [typed, setTyped] = useState("");
  const [outcomes, setOutcomes] = useState<readonly Outcome<EnvironmentView>[]>([]);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const work = useInTurn();
  const open = environments.length > 0;
  useEffect(() => {
    if (open) {
      setData("Retain");
      setTyped("");
      setOutcomes([]);
      setGone(new Set());
    }
  }, [open]);

  const doomed = environments.filter((environment) => canDo(environment, "delete") && !gone.has(environment.uid));
  const [only] = doomed.length === 1 ? doomed : [];
  const word = only?.name ?? String(doomed.length);
  const change = useChange(() =>
    work.run(doomed, async (environment) => {
      await remove(environment, data);
      tell({ tone: "done", text: t("done.delete", { name: environment.displayName }) });
    }),
  );

  const submit = () =>
    change.mutate(undefined, {
      onSuccess: (results) => {
        const deleted = results.filter(({ result }) => result === "done").map(({ item }) => item.uid);
        const all = new Set([...gone, ...deleted]);
        if (deleted.length === results.length) {
          onClose(all);
        } else {
          setOutcomes(results);
          setGone(all);
        }
      },
    });

  const title = only ? t("delete.title", { name: only.displayName }) : t("delete.title-many", { count: doomed.length });
  return (
    <Dialog opened={open} onClose={() => !change.isPending && onClose(gone)} title={title}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {only ? (
          <One environment={only} />
        ) : (
          <Many doomed={doomed} left={environments.length - gone.size - doomed.length} />
        )}
        <Radio.Group
          label={t("delete.disk")}
          value={data}
          onChange={(value) => setData(value === "Delete" ? "Delete" : "Retain")}
          className={styles.choices}
        >
          <Radio value="Retain" label={t("delete.keep")} description={<Kept only={only} />} />
          <Radio value="Delete" label={t("delete.remove")} description={t("delete.remove-hint")} />
        </Radio.Group>
        {data === "Delete" && (
          <Callout tone="failed">
            {doomed.some(({ git }) => git === null) && <p className={styles.line}>{t("delete.git")}</p>}
            <TextInput
              label={t("delete.type", { word })}
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
          </Callout>
        )}
        <NotDone outcomes={outcomes} />
        <InTurnProgress work={work} />
        <div className={styles.buttons}>
          <Button variant="default" data-autofocus disabled={change.isPending} onClick={() => onClose(gone)}>
            {t("cancel")}
          </Button>
          <Button
            type="submit"
            className={styles.delete}
            loading={change.isPending}
            disabled={doomed.length === 0 || (data === "Delete" && typed !== word)}
          >
            {t(data === "Delete" ? "delete.confirm-disk" : "delete.confirm")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function One({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const me = useMe().data?.name;
  const inUse = disturbs(environment, { action: "stop", me, now: Date.now() });
  return (
    <>
      <dl className={styles.facts}>
        <dt>{t("detail.created")}</dt>
        <dd>
          <Ago time={environment.createdAt} />
        </dd>
        <dt>{t("detail.activity")}</dt>
        <dd>
          <Ago time={environment.lastActivity} />
        </dd>
      </dl>
      {environment.running && <p className={styles.line}>{t("delete.running")}</p>}
      {environment.running && inUse && (
        <Callout tone="warning">{t("stop.working", { owner: environment.owner })}</Callout>
      )}
      {environment.git !== null && <GitUnpushed environment={environment} git={environment.git} />}
    </>
  );
}

function Many({ doomed, left }: { readonly doomed: readonly EnvironmentView[]; readonly left: number }) {
  const { t } = useTexts();
  return (
    <div>
      <p className={styles.line}>{t("delete.each")}</p>
      <ul className={styles.list}>
        {doomed.map((environment) => (
          <li key={environment.uid}>
            {environment.displayName}{" "}
            <span className={styles.dim}>{`${environment.namespace}/${environment.name}`}</span>
            {environment.git !== null && <GitUnpushedLine git={environment.git} />}
          </li>
        ))}
      </ul>
      {left > 0 && <p className={styles.line}>{t("delete.foreign", { count: left })}</p>}
    </div>
  );
}

function Kept({ only }: { readonly only: EnvironmentView | undefined }) {
  const { t } = useTexts();
  if (only === undefined) {
    return t("delete.keep-many");
  }
  return only.volume === ""
    ? t("delete.keep-none")
    : t("delete.keep-hint", { namespace: only.namespace, volume: only.volume });
}
