import { IconGitBranch } from "@tabler/icons-react";
import type { GitView } from "../api/schema";
import { useTexts } from "../i18n";
import { formatMoment } from "../model/times";
import styles from "./GitMark.module.css";
import { tellWork } from "./GitWork";

/** A line of a list: what of the work in a repository is not pushed, or why there is none; nothing where all is well. */
export function GitMark({ git }: { readonly git: GitView | null }) {
  const { t } = useTexts();
  if (git === null) {
    return null;
  }
  const failed = git.state === "failed";
  const words = failed ? t(`git.reason.${git.reason ?? "other"}`) : tellWork(git, t);
  if (words === "") {
    return null;
  }
  const asOf = git.asOf === null ? undefined : t("git.as-of", { time: formatMoment(git.asOf) });
  return (
    <div className={styles.mark} title={asOf} data-git={failed ? "failed" : "unpushed"}>
      <IconGitBranch size={14} aria-hidden className={styles.sign} />
      {words}
    </div>
  );
}
