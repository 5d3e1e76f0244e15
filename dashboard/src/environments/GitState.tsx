import type { EnvironmentView, GitView } from "../api/schema";
import { useTexts } from "../i18n";
import { readRepository, shortRepository } from "../model/git";
import { Callout } from "../ui/Callout";
import { Details } from "../ui/states";
import styles from "./GitState.module.css";
import { GitWork } from "./GitWork";
import { RestartButton } from "./RestartButton";

/** The repository of an environment: whether it was cloned, and what of the work in it is not pushed. */
export function GitState({ environment, git }: { readonly environment: EnvironmentView; readonly git: GitView }) {
  const { t } = useTexts();
  const { repository, ref, directory, branch, state } = git;
  return (
    <section aria-label={t("git.repository")}>
      <h2 className={styles.heading}>{t("git.repository")}</h2>
      {state === "failed" && <FailedClone environment={environment} git={git} />}
      <dl className={styles.facts}>
        <dt>{t("git.address")}</dt>
        <dd>
          <Address repository={repository} />
          {ref !== null && ` (${ref})`}
        </dd>
        <dt>{t("git.folder")}</dt>
        <dd>{`~/${directory}`}</dd>
        <dt>{t("git.clone")}</dt>
        <dd>
          <span role="status" data-clone={state ?? "unknown"}>
            {t(state === null ? unknownState(environment) : `git.state.${state}`)}
          </span>
        </dd>
        {state === "cloned" && (
          <>
            <dt>{t("git.branch")}</dt>
            <dd>{branch ?? t("git.no-branch")}</dd>
            <dt>{t("git.work")}</dt>
            <dd>
              <GitWork git={git} />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function unknownState({ phase }: EnvironmentView): "git.state.stopped" | "git.state.unknown" {
  return phase === "Running" ? "git.state.unknown" : "git.state.stopped";
}

function Address({ repository }: { readonly repository: string }) {
  // What is shown as a link is one that leads where it seems to.
  if (readRepository(repository) === undefined) {
    return repository;
  }
  return (
    <a href={repository} target="_blank" rel="noopener noreferrer" className={styles.address}>
      {shortRepository(repository)}
    </a>
  );
}

/** Why there is no clone, what to do about it, and Git's own words. The editor works nevertheless. */
function FailedClone({ environment, git }: { readonly environment: EnvironmentView; readonly git: GitView }) {
  const { t } = useTexts();
  const reason = git.reason ?? "other";
  return (
    <Callout tone="warning" title={t(`git.reason.${reason}`)}>
      <p className={styles.sentence}>{t(`git.next.${reason}`, { folder: `~/${git.directory}`, ref: git.ref ?? "" })}</p>
      <RestartButton environment={environment} label={t("git.restart")} />
      {git.message !== "" && (
        <Details summary={t("git.words")}>
          <code className={styles.words} lang="en">
            {git.message}
          </code>
        </Details>
      )}
    </Callout>
  );
}
