import { useQuery } from "@tanstack/react-query";
import { client, take } from "../api/client";
import type { EnvironmentView, GitView } from "../api/schema";
import { useTexts } from "../i18n";
import { workOf } from "../model/gitWork";
import { formatMoment } from "../model/times";
import { Callout } from "../ui/Callout";
import styles from "./GitUnpushed.module.css";
import { GitWork, tellWork } from "./GitWork";

/** What of an environment's work is nowhere else, as its pod says now, before the environment is deleted. */
export function GitUnpushed({ environment, git }: { readonly environment: EnvironmentView; readonly git: GitView }) {
  const { t } = useTexts();
  const { namespace, name, uid, phase } = environment;
  const asked = useQuery({
    queryKey: ["git", uid],
    queryFn: ({ signal }) =>
      take(
        client.GET("/api/v1/namespaces/{namespace}/environments/{name}/git", {
          params: { path: { namespace, name } },
          signal,
        }),
      ),
    enabled: phase === "Running",
    retry: false,
    staleTime: 0,
    gcTime: 0,
  });
  if (asked.isFetching && asked.data === undefined) {
    return (
      <p className={styles.line} role="status">
        {t("git.checking")}
      </p>
    );
  }
  return <Answer environment={environment} git={asked.data ?? git} />;
}

function Answer({ environment, git }: { readonly environment: EnvironmentView; readonly git: GitView }) {
  const { t } = useTexts();
  const place = git.branch === null ? git.directory : `${git.directory} (${git.branch})`;
  switch (workOf(git)) {
    case "none":
      return (
        <p className={styles.line}>
          {`${place}: `}
          <GitWork git={git} />
        </p>
      );
    case "some":
      return (
        <Callout tone="warning" title={t("git.not-pushed")}>
          {`${place}: `}
          <GitWork git={git} />
        </Callout>
      );
    case "unknown":
      return <Callout tone="warning">{unknownSentence(environment)}</Callout>;
  }

  function unknownSentence({ phase, stoppedAt }: EnvironmentView): string {
    return phase === "Stopped" && stoppedAt !== null
      ? t("git.unchecked-stopped", { time: formatMoment(stoppedAt) })
      : t("git.unchecked");
  }
}

/** The same in a line of a list of many, from what is known already. */
export function GitUnpushedLine({ git }: { readonly git: GitView }) {
  const { t } = useTexts();
  const work = workOf(git);
  if (work === "none") {
    return null;
  }
  return (
    <span className={styles.warning}>
      {work === "unknown" ? t("git.unchecked-short") : `${t("git.not-pushed")}: ${tellWork(git, t)}`}
    </span>
  );
}
