import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { changeState, noteTemplate } from "../../api/catalogue";
import type { TemplateView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { titleOf } from "../../model/templates";
import { Dialog } from "../../ui/Dialog";
import { Button, NativeSelect, TextInput } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import styles from "./EditorPage.module.css";
import { useSuccessorChoices } from "./useSuccessorChoices";

const LONGEST = 256;

interface DeprecateDialogProps {
  readonly template: TemplateView | null;
  readonly onClose: () => void;
}

/** Asks what people should use instead and be told who still choose it or have an environment of it. */
export function DeprecateDialog({ template, onClose }: DeprecateDialogProps) {
  const { t, tag } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const [replacedBy, setReplacedBy] = useState("");
  const choices = useSuccessorChoices(template?.name, replacedBy);
  const change = useMutation({
    mutationFn: (one: TemplateView) => changeState(one, { state: "Deprecated", message: message.trim(), replacedBy }),
    onSuccess: (changed) => {
      noteTemplate(queries, changed);
      tell({ tone: "done", text: t("templates.done.Deprecated", { name: titleOf(changed, tag) }) });
      onClose();
    },
  });
  const { reset } = change;
  useEffect(() => {
    setMessage(template?.stateMessage ?? "");
    setReplacedBy(template?.replacedBy ?? "");
    reset();
  }, [template, reset]);
  return (
    <Dialog
      opened={template !== null}
      onClose={() => !change.isPending && onClose()}
      title={t("templates.deprecate-title", { name: titleOf(template, tag) })}
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
        <NativeSelect
          label={t("editor.field.replacedBy")}
          description={t("templates.successor-hint")}
          data={[...choices]}
          value={replacedBy}
          onChange={(event) => setReplacedBy(event.currentTarget.value)}
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
