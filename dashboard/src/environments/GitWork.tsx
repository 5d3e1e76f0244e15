import type { GitView } from "../api/schema";
import { type Translate, useTexts } from "../i18n";
import { countOf, workOf } from "../model/gitWork";
import { formatMoment } from "../model/times";

/** What is only on this disk, in words: "2 changed files, 1 commit not pushed"; empty where nothing is known or lost. */
export function tellWork({ changedFiles, unpushedCommits }: GitView, t: Translate): string {
  const changed = changedFiles ?? 0;
  const unpushed = unpushedCommits ?? 0;
  return [
    changed > 0 ? t("git.changed", { count: changed, shown: countOf(changed) }) : "",
    unpushed > 0 ? t("git.unpushed", { count: unpushed, shown: countOf(unpushed) }) : "",
  ]
    .filter(Boolean)
    .join(t("git.and"));
}

/** The state of the work in a repository, with the moment in which the pod looked. */
export function GitWork({ git }: { readonly git: GitView }) {
  const { t } = useTexts();
  const work = workOf(git);
  if (work === "unknown") {
    return t("git.work-unknown");
  }
  return (
    <>
      {work === "none" ? t("git.clean") : tellWork(git, t)}
      {git.asOf !== null && (
        <>
          {" – "}
          <time dateTime={git.asOf}>{t("git.as-of", { time: formatMoment(git.asOf) })}</time>
        </>
      )}
    </>
  );
}
