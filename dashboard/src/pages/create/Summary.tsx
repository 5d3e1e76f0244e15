import { useTexts } from "../../i18n";
import { formatLength, parseDuration } from "../../model/durations";
import { shortRepository } from "../../model/git";
import { SIZES } from "../../model/sizes";
import { nameOf } from "../../model/templates";
import { Button } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import type { Check } from "./useCheck";
import type { FormState } from "./useForm";

interface SummaryProps {
  readonly state: FormState;
  readonly check: Check;
  readonly problems: Partial<Record<Field, string>>;
  readonly general: string | undefined;
  readonly pending: boolean;
  readonly onCreateOnly: () => void;
}

const VERDICTS = {
  idle: undefined,
  checking: "create.checking",
  accepted: "create.checked",
  refused: undefined,
  unknown: "create.unchecked",
} as const;

/** What will be made, what the cluster says to it, and the buttons, which are never dead. */
export function Summary({ state, check, problems, general, pending, onCreateOnly }: SummaryProps) {
  const { t, tag } = useTexts();
  const { form, template } = state;
  const named = SIZES.find(({ id }) => id === form.size);
  const own = form.size === "own";
  const idle = parseDuration(template?.idleTimeout ?? "");
  const verdict = VERDICTS[check.state];
  const sentences = [...new Set(Object.values(problems)), ...(general === undefined ? [] : [general])];
  return (
    <aside className={`${styles.section} ${styles.summary}`} aria-label={t("create.summary")} data-actions="narrow">
      <h2 className={styles.summaryTitle}>{form.displayName || form.address || t("create.summary")}</h2>
      {template !== undefined && (
        <dl className={styles.facts}>
          <dt>{t("create.template")}</dt>
          <dd lang={nameOf(template, tag).lang}>{nameOf(template, tag).text}</dd>
          <dt>{t("create.project")}</dt>
          <dd>{form.namespace}</dd>
          <dt>{t("create.size")}</dt>
          <dd>
            {t("create.size-line", {
              cpu: named?.cpu ?? ((own && form.cpu) || template.cpu),
              memory: named?.memory ?? ((own && form.memory) || template.memory),
              storage: form.storage || template.storage,
            })}
          </dd>
          {idle !== undefined && (
            <>
              <dt>{t("create.idle")}</dt>
              <dd>{t("create.idle-after", { time: formatLength(idle, tag) })}</dd>
            </>
          )}
          {form.repository.trim() !== "" && (
            <>
              <dt>{t("git.repository")}</dt>
              <dd>
                {shortRepository(form.repository.trim())}
                {form.branch.trim() !== "" && ` (${form.branch.trim()})`}
              </dd>
            </>
          )}
          <dt>{t("create.git")}</dt>
          <dd>
            {form.gitUser === null ? (
              <PageLink to="/me">{t("create.git-missing")}</PageLink>
            ) : (
              `${form.gitUser.name} <${form.gitUser.email}>`
            )}
          </dd>
        </dl>
      )}
      <div className={styles.verdict} data-state={check.state} aria-live="polite">
        {verdict !== undefined && t(verdict)}
        {check.state !== "checking" && template !== undefined && sentences.map((text) => <p key={text}>{text}</p>)}
      </div>
      <div className={styles.buttons}>
        <Button type="submit" loading={pending}>
          {t("create.submit")}
        </Button>
        <Button variant="default" disabled={pending} onClick={onCreateOnly}>
          {t("create.only")}
        </Button>
      </div>
    </aside>
  );
}
