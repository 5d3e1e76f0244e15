import { IconDownload, IconRefresh } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import type { EnvironmentView } from "../../../api/schema";
import { type TextKey, useTexts } from "../../../i18n";
import { Button, Checkbox, NativeSelect, Skeleton, TextInput } from "../../../ui/kit";
import { recall, remember } from "../../../ui/memory";
import { saveText } from "../../../ui/saveText";
import { Failure, Loading, Message } from "../../../ui/states";
import type { LogState } from "./follow";
import styles from "./Logs.module.css";
import { asText, countLines, type Kept } from "./lines";
import { Output } from "./Output";
import { useLog } from "./useLog";

const TAILS = [100, 500, 2000, 5000] as const;
const SINCE = [
  ["all", null],
  ["5m", 300],
  ["1h", 3600],
  ["1d", 86_400],
] as const;

/** What the environment's container has printed and prints; a log lives as long as its container. */
export function Logs({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const logs = environment.allowed.logs;
  if (logs !== undefined && !logs.allowed) {
    const right = logs.obstacle === "right";
    return <Message title={t("logs.none")} text={t(right ? "logs.no-right" : "logs.stopped")} />;
  }
  return <Available environment={environment} />;
}

function Available({ environment }: { readonly environment: EnvironmentView }) {
  const { t } = useTexts();
  const [query, setQuery] = useSearchParams();
  const previous = query.get("previous") === "1";
  const [tail, setTail] = useState(500);
  const [since, setSince] = useState<(typeof SINCE)[number][0]>("all");
  const [follow, setFollow] = useState(true);
  const [search, setSearch] = useState("");
  const [wrap, setWrap] = useKeptChoice("dw-log-wrap", true);
  const [timestamps, setTimestamps] = useKeptChoice("dw-log-times", false);
  const seconds = SINCE.find(([id]) => id === since)?.[1] ?? null;
  const live = follow && !previous;
  const { kept, state, again } = useLog(environment, { previous, follow: live, tail, since: seconds });

  const showRun = (wanted: boolean) => {
    const next = new URLSearchParams(query);
    if (wanted) {
      next.set("previous", "1");
    } else {
      next.delete("previous");
    }
    setQuery(next, { replace: true });
  };
  return (
    <>
      <div className={styles.choices}>
        <NativeSelect
          label={t("logs.run")}
          value={previous ? "previous" : "current"}
          onChange={(event) => showRun(event.currentTarget.value === "previous")}
          data={[
            { value: "current", label: t("logs.run.current") },
            { value: "previous", label: t("logs.run.previous") },
          ]}
        />
        <NativeSelect
          label={t("logs.since")}
          value={since}
          onChange={(event) => setSince(SINCE.find(([id]) => id === event.currentTarget.value)?.[0] ?? "all")}
          data={SINCE.map(([id]) => ({ value: id, label: t(`logs.since.${id}`) }))}
        />
        <NativeSelect
          label={t("logs.tail")}
          value={String(tail)}
          onChange={(event) => setTail(Number(event.currentTarget.value))}
          data={TAILS.map((count) => ({ value: String(count), label: t("logs.lines", { count }) }))}
        />
        <TextInput
          type="search"
          label={t("logs.search")}
          value={search}
          spellCheck={false}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      <div className={styles.choices}>
        <Checkbox
          label={t("logs.follow")}
          checked={live}
          disabled={previous}
          onChange={(event) => setFollow(event.currentTarget.checked)}
        />
        <Checkbox
          label={t("logs.timestamps")}
          checked={timestamps}
          onChange={(event) => setTimestamps(event.currentTarget.checked)}
        />
        <Checkbox label={t("logs.wrap")} checked={wrap} onChange={(event) => setWrap(event.currentTarget.checked)} />
        <span className={styles.buttons}>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconRefresh size={14} aria-hidden />}
            onClick={() => again()}
          >
            {t("logs.again")}
          </Button>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => saveText(`${environment.name}.${environment.namespace}.log`, asText(kept, timestamps))}
          >
            {t("logs.download")}
          </Button>
        </span>
      </div>
      <Read {...{ environment, kept, state, search, wrap, timestamps, previous }} onRetry={again} />
    </>
  );
}

interface ReadProps {
  readonly environment: EnvironmentView;
  readonly kept: Kept;
  readonly state: LogState;
  readonly search: string;
  readonly wrap: boolean;
  readonly timestamps: boolean;
  readonly previous: boolean;
  readonly onRetry: () => void;
}

function Read({ environment, kept, state, search, wrap, timestamps, previous, onRetry }: ReadProps) {
  const { t } = useTexts();
  const needle = search.toLowerCase();
  const total = countLines(kept);
  const found = useMemo(() => countFound(kept, needle), [kept, needle]);
  if (state.kind === "failed") {
    return <Failure error={state.error} onRetry={onRetry} />;
  }
  if (total === 0 && state.kind === "opening") {
    return (
      <Loading onRetry={onRetry}>
        <Skeleton height={320} animate={false} />
      </Loading>
    );
  }
  if (total === 0 && state.kind === "away") {
    return <Message title={t("state.failed")} text={t("logs.state.away")} tone="failed" />;
  }
  if (total === 0) {
    return <Message title={t("logs.empty")} text={t(whyEmpty(state, previous))} />;
  }
  return (
    <>
      <Output kept={kept} needle={needle} wrap={wrap} timestamps={timestamps} label={environment.displayName} />
      <p className={styles.state}>
        {t(`logs.state.${state.kind}`)}
        {" · "}
        {needle === "" ? t("logs.lines", { count: total }) : t("logs.found", { found, count: total })}
        {kept.dropped > 0 && ` · ${t("logs.dropped", { count: kept.dropped })}`}
      </p>
    </>
  );
}

function whyEmpty(state: LogState, previous: boolean): TextKey {
  if (previous) {
    return "logs.empty-previous";
  }
  return state.kind === "none" ? "logs.empty-container" : "logs.empty-quiet";
}

function countFound(kept: Kept, needle: string): number {
  if (needle === "") {
    return 0;
  }
  const fits = ({ text }: { text: string }) => text.toLowerCase().includes(needle);
  return kept.blocks.reduce((sum, { lines }) => sum + lines.filter(fits).length, 0);
}

/** A yes or no that this browser keeps. */
function useKeptChoice(key: string, fallback: boolean): [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(() => (recall(key) ?? String(fallback)) === "true");
  return [
    value,
    (wanted) => {
      remember(key, String(wanted));
      setValue(wanted);
    },
  ];
}
