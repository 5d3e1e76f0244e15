import type { TemplateUse } from "../../api/schema";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { Dialog } from "../../ui/Dialog";
import { Button } from "../../ui/kit";
import { DiffView } from "./DiffView";
import styles from "./EditorPage.module.css";
import type { EditorState } from "./useEditor";

interface SaveDialogProps {
  readonly editor: EditorState;
  readonly opened: boolean;
  readonly use: TemplateUse | null;
}

/** What changes, and whom it concerns, before it is written. */
export function SaveDialog({ editor, opened, use }: SaveDialogProps) {
  const { t } = useTexts();
  const { base, state, refusal, pending } = editor;
  const close = () => !pending && editor.setSaving(false);
  return (
    <Dialog opened={opened} onClose={close} title={t("editor.save-title", { name: base.name })}>
      <div className={styles.dialog}>
        <DiffView before={base.text} after={state.text} />
        {use !== null && (
          <p className={styles.line}>
            {use.instances === 0 ? (
              t("templates.unused")
            ) : (
              <>
                <strong>{t("editor.uses", { count: use.instances })}</strong>{" "}
                {t("editor.uses-hint", { running: use.running, stopped: use.instances - use.running })}
              </>
            )}
          </p>
        )}
        {refusal !== null && (
          <p role="alert" className={styles.problem}>
            {explain(refusal, t)}
          </p>
        )}
        <div className={styles.buttons}>
          <Button variant="default" data-autofocus disabled={pending} onClick={close}>
            {t("cancel")}
          </Button>
          <Button loading={pending} onClick={editor.save}>
            {t("editor.save")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
