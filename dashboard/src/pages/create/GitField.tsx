import { useEnvironments } from "../../api/live";
import { useMe } from "../../api/queries";
import { editorAddress } from "../../environments/editorAddress";
import { useTexts } from "../../i18n";
import { isSameRepository, MOST_BRANCH, MOST_REPOSITORY } from "../../model/git";
import { Checkbox, TextInput } from "../../ui/kit";
import styles from "./CreatePage.module.css";
import type { Field } from "./form";
import type { FormState } from "./useForm";

interface GitFieldProps {
  readonly state: FormState;
  readonly problems: Partial<Record<Field, string>>;
}

/** What is cloned into the new home, if anything. */
export function GitField({ state, problems }: GitFieldProps) {
  const { t } = useTexts();
  const { form, change, trust, template } = state;
  const hosts = template?.gitHosts ?? [];
  return (
    <fieldset className={`${styles.section} ${styles.fieldset}`}>
      <legend className={styles.legend}>{t("create.repository-title")}</legend>
      <div className={styles.pair}>
        <div data-field="repository">
          <TextInput
            type="url"
            label={t("create.repository")}
            description={
              hosts.length === 0
                ? t("create.repository-hint")
                : t("create.repository-hosts", { hosts: hosts.join(", ") })
            }
            placeholder="https://"
            maxLength={MOST_REPOSITORY}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            value={form.repository}
            error={problems.repository}
            onBlur={state.nameAfterRepository}
            onChange={(event) => change({ repository: event.currentTarget.value })}
          />
        </div>
        <div data-field="branch">
          <TextInput
            label={t("create.branch")}
            description={t("create.branch-hint")}
            maxLength={MOST_BRANCH}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            value={form.branch}
            error={problems.branch}
            onChange={(event) => change({ branch: event.currentTarget.value })}
          />
        </div>
      </div>
      {trust.isNeeded && (
        <div data-field="trust" className={styles.trust}>
          <Checkbox
            label={t("create.trust", { host: trust.host })}
            description={t("create.trust-hint")}
            checked={trust.isGiven}
            error={problems.trust}
            onChange={(event) => trust.give(event.currentTarget.checked)}
          />
        </div>
      )}
      <Namesakes repository={form.repository.trim()} />
    </fieldset>
  );
}

/** Somebody who follows the same link again rather goes on where they were. */
function Namesakes({ repository }: { readonly repository: string }) {
  const { t } = useTexts();
  const me = useMe().data?.name;
  const environments = useEnvironments();
  const same = [...(environments.data?.values() ?? [])].filter(
    ({ git, owner }) => git !== null && owner === me && isSameRepository(git.repository, repository),
  );
  if (same.length === 0) {
    return null;
  }
  return (
    <div className={styles.namesakes} role="status">
      {t("create.namesake")}
      <ul>
        {same.map((environment) => (
          <li key={environment.uid}>
            {environment.displayName}{" "}
            <a href={editorAddress(environment)} target="_blank" rel="noopener">
              {t("create.namesake-open", { name: environment.displayName })} {t("new-tab")}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** From where a link brings code, so large that nobody overlooks it. */
export function LinkedRepository({ state }: { readonly state: FormState }) {
  const { t } = useTexts();
  return (
    <>
      <p className={styles.linked}>{t("create.linked")}</p>
      <p className={styles.linkedHost}>{state.trust.host}</p>
      <p className={styles.linked}>{state.form.repository.trim()}</p>
    </>
  );
}
