import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { deleteTemplate, forgetTemplate } from "../../api/catalogue";
import type { TemplateView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { titleOf } from "../../model/templates";
import { Callout } from "../../ui/Callout";
import { Dialog } from "../../ui/Dialog";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import { PageLink } from "../../ui/PageLink";
import styles from "./EditorPage.module.css";
import { usersOf } from "./usersOf";

interface DeleteTemplateDialogProps {
  readonly template: TemplateView | null;
  readonly onClose: () => void;
}

/** Deletes a template that nobody uses; of another one it says who does. */
export function DeleteTemplateDialog({ template, onClose }: DeleteTemplateDialogProps) {
  const { t, tag } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: deleteTemplate,
    onSuccess: (_, gone) => {
      forgetTemplate(queries, gone);
      tell({ tone: "done", text: t("templates.deleted", { name: titleOf(gone, tag) }) });
      onClose();
    },
  });
  const { reset } = remove;
  useEffect(() => {
    if (template !== null) {
      reset();
    }
  }, [template, reset]);
  const users = template?.use?.instances ?? 0;
  return (
    <Dialog
      opened={template !== null}
      onClose={() => !remove.isPending && onClose()}
      title={t("delete.title", { name: titleOf(template, tag) })}
    >
      <div className={styles.dialog}>
        {template !== null && users > 0 ? (
          <Callout tone="warning" title={t("templates.in-use", { count: users })}>
            <p className={styles.line}>{t("templates.in-use-hint")}</p>
            <PageLink to={usersOf(template)}>{t("templates.show-users")}</PageLink>
          </Callout>
        ) : (
          <p className={styles.line}>{t("templates.delete-hint", { name: template?.name ?? "" })}</p>
        )}
        {remove.isError && (
          <p role="alert" className={styles.problem}>
            {explain(remove.error, t)}
          </p>
        )}
        <div className={styles.buttons}>
          <Button variant="default" data-autofocus disabled={remove.isPending} onClick={onClose}>
            {t(users > 0 ? "close" : "cancel")}
          </Button>
          {users === 0 && (
            <Button
              className={styles.delete}
              loading={remove.isPending}
              onClick={() => template !== null && remove.mutate(template)}
            >
              {t("delete.confirm")}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
