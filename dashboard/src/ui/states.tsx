import { type ReactNode, useEffect, useId, useState } from "react";
import { ApiError } from "../api/client";
import { useTexts } from "../i18n";
import { Button } from "./kit";
import styles from "./states.module.css";

/** Something to read and one way on, in place of content. */
export function Message(props: {
  readonly title: string;
  readonly text: string;
  readonly tone?: "failed";
  readonly children?: ReactNode;
}) {
  return (
    <section className={styles.message} role={props.tone === "failed" ? "alert" : undefined}>
      <h2 className={styles.title}>{props.title}</h2>
      <p className={styles.text}>{props.text}</p>
      {props.children}
    </section>
  );
}

/** What went wrong when something was read, in place of it. */
export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  const { t } = useTexts();
  const said = error instanceof ApiError ? error : undefined;
  const text =
    said === undefined || said.status === 0
      ? t(navigator.onLine ? "state.unreachable" : "state.offline")
      : t("state.failed-hint");
  return (
    <Message title={t("state.failed")} text={text} tone="failed">
      {said !== undefined && said.status > 0 && (
        <Details summary={t("state.details")}>
          <code className={styles.code}>
            {said.status} {said.message}
          </code>
        </Details>
      )}
      <Button variant="default" onClick={onRetry}>
        {t("state.retry")}
      </Button>
    </Message>
  );
}

export function Details({ summary, children }: { readonly summary: string; readonly children: ReactNode }) {
  return (
    <details className={styles.details}>
      <summary>{summary}</summary>
      {children}
    </details>
  );
}

const CALM_MS = 150;
const SLOW_MS = 10_000;

/** The shape of what comes, after a moment in which most things have come already; later it admits to be slow. */
export function Loading({ children, onRetry }: { readonly children: ReactNode; readonly onRetry: () => void }) {
  const { t } = useTexts();
  const [stage, setStage] = useState<"calm" | "shape" | "slow">("calm");
  const label = useId();
  useEffect(() => {
    const timers = [setTimeout(() => setStage("shape"), CALM_MS), setTimeout(() => setStage("slow"), SLOW_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  return (
    <div aria-busy="true" aria-labelledby={label} role="status" data-stage={stage} className={styles.loading}>
      <span id={label} className={styles.unseen}>
        {t("state.loading")}
      </span>
      {stage !== "calm" && children}
      {stage === "slow" && (
        <p className={styles.slow}>
          {t("state.slow")}{" "}
          <Button variant="default" size="xs" onClick={onRetry}>
            {t("state.retry")}
          </Button>
        </p>
      )}
    </div>
  );
}
