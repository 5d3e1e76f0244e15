import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { purge, VOLUMES } from "../../api/catalogue";
import type { VolumeView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { Callout } from "../../ui/Callout";
import { Dialog } from "../../ui/Dialog";
import { Button, TextInput } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./DisksPage.module.css";

interface PurgeDialogProps {
  readonly volume: VolumeView | null;
  /** Told the volume that is being deleted, or null. */
  readonly onClose: (purged: VolumeView | null) => void;
}

/** Says what dies, and deletes it once its name was typed. */
export function PurgeDialog({ volume, onClose }: PurgeDialogProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const [typed, setTyped] = useState("");
  const change = useMutation({
    mutationFn: purge,
    onSuccess: (_, purged) => {
      tell({ tone: "done", text: t("disks.deleted", { name: purged.name }) });
      onClose(purged);
      void queries.invalidateQueries({ queryKey: VOLUMES });
    },
  });
  const { reset } = change;
  useEffect(() => {
    if (volume !== null) {
      setTyped("");
      reset();
    }
  }, [volume, reset]);
  const name = volume?.name ?? "";
  return (
    <Dialog
      opened={volume !== null}
      onClose={() => !change.isPending && onClose(null)}
      title={t("disks.delete-title", { name })}
    >
      <form
        className={styles.dialog}
        onSubmit={(event) => {
          event.preventDefault();
          if (volume !== null && typed === volume.name) {
            change.mutate(volume);
          }
        }}
      >
        {volume !== null && <Facts volume={volume} />}
        <Callout tone="failed">
          <p className={styles.line}>{t("delete.remove-hint")}</p>
          <TextInput
            label={t("delete.type", { word: name })}
            value={typed}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
        </Callout>
        {change.isError && (
          <p role="alert" className={styles.problem}>
            {explain(change.error, t)}
          </p>
        )}
        <div className={styles.buttons}>
          <Button variant="default" data-autofocus disabled={change.isPending} onClick={() => onClose(null)}>
            {t("cancel")}
          </Button>
          <Button
            type="submit"
            className={styles.delete}
            loading={change.isPending}
            disabled={volume === null || typed !== volume.name}
          >
            {t("disks.delete")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Facts({ volume }: { readonly volume: VolumeView }) {
  const { t } = useTexts();
  return (
    <dl className={styles.facts}>
      <dt>{t("disks.column.from")}</dt>
      <dd>{volume.environment}</dd>
      <dt>{t("list.column.project")}</dt>
      <dd>{volume.namespace}</dd>
      <dt>{t("list.column.owner")}</dt>
      <dd>{volume.owner || t("none")}</dd>
      <dt>{t("disks.column.size")}</dt>
      <dd>{volume.size}</dd>
      <dt>{t("disks.column.age")}</dt>
      <dd>
        <Ago time={volume.keptSince ?? volume.createdAt} />
      </dd>
    </dl>
  );
}
