import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { tryDraft } from "../../api/catalogue";
import { useEnvironments, useLive } from "../../api/live";
import { useNamespaces } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { Condition } from "../../environments/Condition";
import { editorAddress } from "../../environments/editorAddress";
import { explain } from "../../environments/explain";
import { TrialNote } from "../../environments/TrialNote";
import { useTexts } from "../../i18n";
import type { Draft } from "../../model/manifest";
import { canDo } from "../../model/phases";
import { Button, NativeSelect, VisuallyHidden } from "../../ui/kit";
import { recall } from "../../ui/memory";
import { PROJECT_KEY } from "../create/useForm";
import { Stages } from "../detail/Timeline";
import { Troubles } from "../detail/Trouble";
import styles from "./EditorPage.module.css";
import type { EditorState, Problem } from "./useEditor";

interface TrialProps {
  readonly editor: EditorState;
  readonly onGo: (place: Problem) => void;
}

/** Starts a throw-away environment from the draft as it stands, and shows how that goes: the image's pull included. */
export function Trial({ editor, onGo }: TrialProps) {
  const { t } = useTexts();
  const { feed } = useLive();
  const { draft } = editor.state;
  const [project, setProject] = useProject();
  const [started, setStarted] = useState<{ readonly uid: string; readonly spec: Draft["spec"] }>();
  const environment = useEnvironment(started?.uid);
  const start = useMutation({
    mutationFn: () => tryDraft(draft.spec, project.chosen),
    onSuccess: (made) => {
      feed.apply({ kind: "environment", environment: made });
      setStarted({ uid: made.uid, spec: draft.spec });
    },
  });
  const [first] = editor.findings;
  const section = useRef<HTMLElement>(null);
  const [query] = useSearchParams();
  const wanted = query.has("try");
  useEffect(() => {
    if (wanted) {
      section.current?.scrollIntoView();
    }
  }, [wanted]);
  return (
    <section ref={section} className={styles.section} aria-label={t("trial.title")}>
      <h2 className={styles.heading}>{t("trial.title")}</h2>
      <p className={styles.line}>{t("trial.hint")}</p>
      {environment !== undefined ? (
        <Running environment={environment} outdated={started?.spec !== draft.spec} />
      ) : (
        <>
          {started !== undefined && (
            <p role="status" className={styles.hint}>
              {t("trial.over")}
            </p>
          )}
          <div className={styles.choices}>
            {project.names.length > 1 && (
              <NativeSelect
                aria-label={t("create.project")}
                data={[...project.names]}
                value={project.chosen}
                onChange={(event) => setProject(event.currentTarget.value)}
              />
            )}
            <Button
              variant="default"
              loading={start.isPending}
              disabled={project.chosen === ""}
              onClick={() => (first === undefined ? start.mutate() : onGo(first))}
            >
              {t("trial.start")}
            </Button>
          </div>
          {project.names.length === 0 && <p className={styles.hint}>{t("trial.no-project")}</p>}
          {start.error !== null && (
            <p role="alert" className={styles.problem}>
              {explain(start.error, t)}
            </p>
          )}
        </>
      )}
    </section>
  );
}

function Running({ environment, outdated }: { readonly environment: EnvironmentView; readonly outdated: boolean }) {
  const { t } = useTexts();
  return (
    <div className={styles.trial}>
      <Condition environment={environment} />
      {outdated && <p className={styles.hint}>{t("trial.outdated")}</p>}
      {environment.reason !== "" && <Troubles environment={environment} />}
      {environment.startup !== null && <Stages startup={environment.startup} failedAt={undefined} />}
      {environment.phase === "Running" && canDo(environment, "open") && (
        <div>
          <Button component="a" href={editorAddress(environment)} target="_blank" rel="noopener">
            {t("action.open")} <VisuallyHidden>{t("new-tab")}</VisuallyHidden>
          </Button>
        </div>
      )}
      <TrialNote environment={environment} />
    </div>
  );
}

/** The environment as the list has it; undefined once it has gone. */
function useEnvironment(uid: string | undefined): EnvironmentView | undefined {
  const environments = useEnvironments();
  return uid === undefined ? undefined : environments.data?.get(uid);
}

/** The project to try it in: the last one that something was created in, if it is still one of the person's. */
function useProject() {
  const namespaces = useNamespaces();
  const [wanted, choose] = useState(() => recall(PROJECT_KEY) ?? "");
  const names = namespaces.data?.map(({ name }) => name) ?? [];
  const [first = ""] = names;
  return [{ chosen: names.includes(wanted) ? wanted : first, names }, choose] as const;
}
