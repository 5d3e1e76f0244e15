import { useMe } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { placeInQueue, reasonTitle } from "../../environments/Condition";
import { tellNumbers } from "../../environments/shortages";
import { useActions } from "../../environments/useActions";
import { isKnown, type Texts, useTexts } from "../../i18n";
import { findTroubles, type Step, stepsFor, type Trouble } from "../../model/failures";
import { formatMoment } from "../../model/times";
import { Callout } from "../../ui/Callout";
import { CopyButton } from "../../ui/CopyButton";
import { Button } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { Details } from "../../ui/states";
import styles from "./DetailPage.module.css";

/** What is wrong with the environment: title, sentence, what to do about it, and the operator's own words. */
export function Troubles({ environment }: { readonly environment: EnvironmentView }) {
  return findTroubles(environment).map((trouble) => (
    <Alert key={trouble.reason} environment={environment} trouble={trouble} />
  ));
}

interface AlertProps {
  readonly environment: EnvironmentView;
  readonly trouble: Trouble;
}

function Alert({ environment, trouble }: AlertProps) {
  const texts = useTexts();
  const { t } = texts;
  const { data: me } = useMe();
  const title = reasonTitle(trouble.reason, texts) || t(`phase.${environment.phase}`);
  const sentence = sentenceOf(environment, trouble, texts);
  const steps = stepsFor(environment, trouble, { editTemplates: me?.templates?.edit === true });
  const technical = technicalOf(environment, trouble);
  const asText = () =>
    [`${title}: ${trouble.message || sentence}`, ...technical.map(([label, value]) => `${t(label)}: ${value}`)].join(
      "\n",
    );
  return (
    <Callout title={title} tone={trouble.tone}>
      <p className={styles.sentence}>{sentence}</p>
      <div className={styles.next}>
        {steps.map((step) => (
          <Next key={step} step={step} environment={environment} message={asText} />
        ))}
      </div>
      <Details summary={t("detail.technical")}>
        <dl className={styles.technical}>
          {technical.map(([label, value]) => (
            <div key={label} className={styles.fact}>
              <dt>{t(label)}</dt>
              <dd lang="en">{value}</dd>
            </div>
          ))}
        </dl>
        <CopyButton text={asText} label={t("detail.copy-technical")} />
      </Details>
    </Callout>
  );
}

/**
 * The operator's sentence has the figures and is English; in another language, or without it, the catalogue's says
 * what is wrong and what helps.
 */
function sentenceOf(environment: EnvironmentView, { reason, message }: Trouble, texts: Texts): string {
  const { t, language } = texts;
  const key = `what.${reason}`;
  if (!isKnown(key) || (language === "en" && message !== "")) {
    return message;
  }
  const { image, memory, namespace, template, volume } = environment;
  const sentence = t(key, { image, memory, template, volume, project: namespace });
  const numbers = reason === environment.reason ? tellNumbers(environment, t) : "";
  return [sentence, numbers, placeInQueue(environment, texts)].filter(Boolean).join(" ");
}

function technicalOf(environment: EnvironmentView, trouble: Trouble): readonly [TechnicalLabel, string][] {
  const { name, namespace, restarts, node } = environment;
  const facts: readonly [TechnicalLabel, string][] = [
    ["detail.object", `workspaceinstance/${name} (${namespace})`],
    ["detail.reason", trouble.reason],
    ["detail.message", trouble.message],
    ["detail.since", trouble.since === null ? "" : formatMoment(trouble.since)],
    ["detail.node", node],
    ["detail.restarts", String(restarts)],
    ["detail.command", `kubectl describe workspaceinstance ${name} --namespace ${namespace}`],
  ];
  return facts.filter(([, value]) => value !== "");
}

type TechnicalLabel =
  | "detail.object"
  | "detail.reason"
  | "detail.message"
  | "detail.since"
  | "detail.node"
  | "detail.restarts"
  | "detail.command";

interface NextProps {
  readonly step: Step;
  readonly environment: EnvironmentView;
  readonly message: () => string;
}

function Next({ step, environment, message }: NextProps) {
  const { t } = useTexts();
  const { run, pending } = useActions();
  if (step === "copy") {
    return <CopyButton text={message} label={t("detail.next.copy")} />;
  }
  if (step === "retry" || step === "safe-start") {
    const again = environment.phase === "Failed" ? "action.retry" : "action.restart";
    return (
      <Button
        variant="default"
        size="compact-sm"
        loading={pending !== undefined}
        onClick={() => run({ environment, action: step === "retry" ? "restart" : step })}
      >
        {t(step === "retry" ? again : "action.safe-start")}
      </Button>
    );
  }
  return <PageLink to={placeOf(step, environment)}>{t(`detail.next.${step}`)}</PageLink>;
}

function placeOf(step: Exclude<Step, "copy" | "retry" | "safe-start">, environment: EnvironmentView): string {
  const here = `/envs/${environment.namespace}/${environment.name}`;
  const places = {
    logs: `${here}/logs`,
    "previous-logs": `${here}/logs?previous=1`,
    larger: `${here}/settings?size=larger`,
    smaller: `${here}/settings?size=smaller`,
    settings: `${here}/settings`,
    running: `/envs?state=running&project=${encodeURIComponent(environment.namespace)}`,
    new: `/new?ns=${encodeURIComponent(environment.namespace)}`,
    "edit-template": `/templates/${environment.template}/edit`,
  };
  return places[step];
}
