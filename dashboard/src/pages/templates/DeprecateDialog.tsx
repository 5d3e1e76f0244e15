import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { changeState, noteTemplate } from "../../api/catalogue";
import type { TemplateView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { Dialog } from "../../ui/Dialog";
import { Button, TextInput } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./EditorPage.module.css";

const LONGEST = 256;

interface DeprecateDialogProps {
  readonly template: TemplateView | null;
  readonly onClose: () => void;
}

/** Asks what people should be told who still choose it or have an environment of it. */
export function DeprecateDialog({ template, onClose }: DeprecateDialogProps) {
  const { t } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const change = useMutation({
    mutationFn: (one: TemplateView) => changeState(one, { state: "Deprecated", message: message.trim() }),
    onSuccess: (changed) => {
      noteTemplate(queries, changed);
      tell({ tone: "done", text: t("templates.done.Deprecated", { name: changed.displayName }) });
      onClose();
    },
  });
  const { reset } = change;
  useEffect(() => {
    setMessage(template?.stateMessage ?? "");
    reset();
  }, [template, reset]);
  return (
    <Dialog
      opened={template !== null}
      onClose={() => !change.isPending && onClose()}
      title={t("templates.deprecate-title", { name: template?.displayName ?? "" })}
    >
      <form
        className={styles.dialog}
        onSubmit={(event) => {
          event.preventDefault();
          if (template !== null) {
            change.mutate(template);
          }
        }}
      >
        <p className={styles.line}>{t("templates.deprecate-hint")}</p>
        <TextInput
          data-autofocus
          label={t("editor.field.stateMessage")}
          description={t("templates.message-hint", { max: LONGEST })}
          maxLength={LONGEST}
          value={message}
          onChange={(event) => setMessage(event.currentTarget.value)}
        />
        {change.isError && (
          <p role="alert" className={styles.problem}>
            {explain(change.error, t)}
          </p>
        )}
        <div className={styles.buttons}>
          <Button variant="default" disabled={change.isPending} onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button type="submit" loading={change.isPending}>
            {t("templates.deprecate-now")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
