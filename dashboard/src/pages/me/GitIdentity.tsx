import { useState } from "react";
import { useTexts } from "../../i18n";
import { isGitEmail, isGitName } from "../../model/gitUser";
import { TextInput } from "../../ui/kit";
import { chooseGitUser, keptGitUser } from "../../ui/preferences";
import styles from "./MePage.module.css";

/** As whom Git commits in environments that are made from now on. */
export function GitIdentity() {
  const { t } = useTexts();
  const [user, setUser] = useState(keptGitUser);
  const change = (part: Partial<typeof user>) => {
    const changed = { ...user, ...part };
    chooseGitUser(changed);
    setUser(changed);
  };
  const name = user.name.trim();
  const email = user.email.trim();
  return (
    <fieldset className={styles.group}>
      <legend className={styles.legend}>{t("me.git")}</legend>
      <p className={styles.text}>{t(name === "" && email === "" ? "me.git-missing" : "me.git-hint")}</p>
      <div className={styles.fields}>
        <TextInput
          label={t("me.git-name")}
          autoComplete="name"
          value={user.name}
          error={name !== "" ? !isGitName(name) && t("me.git-name-wrong") : email !== "" && t("me.git-both")}
          onChange={(event) => change({ name: event.currentTarget.value })}
        />
        <TextInput
          label={t("me.git-email")}
          autoComplete="email"
          spellCheck={false}
          value={user.email}
          error={email !== "" ? !isGitEmail(email) && t("me.git-email-wrong") : name !== "" && t("me.git-both")}
          onChange={(event) => change({ email: event.currentTarget.value })}
        />
      </div>
    </fieldset>
  );
}
