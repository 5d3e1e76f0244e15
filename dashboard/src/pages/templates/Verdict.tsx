import { explain } from "../../environments/explain";
import { type Translate, useTexts } from "../../i18n";
import { Button } from "../../ui/kit";
import styles from "./EditorPage.module.css";
import { SuccessorProblem } from "./Successor";
import { TemplateFace } from "./TemplateFace";
import type { EditorState, Problem } from "./useEditor";

interface VerdictProps {
  readonly editor: EditorState;
  readonly showLines: boolean;
  readonly onGo: (place: Problem) => void;
}

/** What stands beside the document: how people will see it, what is against it, and the button. */
export function Verdict({ editor, showLines, onGo }: VerdictProps) {
  const { t } = useTexts();
  const { check, findings, base, refusal } = editor;
  const isNew = base.version === "";
  return (
    <aside className={styles.verdict} aria-label={t("editor.preview")}>
      <h2 className={styles.heading}>{t("editor.preview")}</h2>
      {check.preview === undefined ? (
        <p className={styles.hint}>{t("editor.no-preview")}</p>
      ) : (
        <div className={styles.card} data-current={check.state === "accepted"}>
          <TemplateFace template={check.preview} />
        </div>
      )}
      {check.state === "accepted" && check.preview !== undefined && (
        <SuccessorProblem template={check.preview} className={styles.problem} />
      )}
      <div role="status" className={styles.status} data-state={findings.length > 0 ? "refused" : check.state}>
        {statusOf(editor, t)}
      </div>
      {findings.length > 0 && (
        <ul className={styles.findings}>
          {findings.map((finding) => (
            <li key={`${finding.line} ${finding.message}`}>
              <button type="button" className={styles.finding} onClick={() => onGo(finding)}>
                {showLines ? t("editor.line", { line: finding.line, message: finding.message }) : finding.message}
              </button>
            </li>
          ))}
        </ul>
      )}
      {isNew && refusal !== null && findings.length === 0 && (
        <p role="alert" className={styles.problem}>
          {explain(refusal, t)}
        </p>
      )}
      <Button type="submit" loading={editor.pending} disabled={!isNew && !editor.dirty}>
        {t(isNew ? "editor.submit" : "editor.review")}
      </Button>
      {!isNew && !editor.dirty && <p className={styles.hint}>{t("editor.unchanged")}</p>}
    </aside>
  );
}

function statusOf({ check, findings, outdated }: EditorState, t: Translate): string {
  if (findings.length > 0) {
    return t("create.problems", { count: findings.length });
  }
  if (outdated) {
    return t("editor.conflict");
  }
  const said = { checking: "create.checking", accepted: "create.checked", unknown: "editor.unchecked" } as const;
  return check.state === "refused" ? "" : t(said[check.state]);
}
