import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { useEnvironments } from "../api/live";
import { useMe } from "../api/queries";
import type { EnvironmentView } from "../api/schema";
import { isKnown, type Texts, useTexts } from "../i18n";
import { formatSoonest, isStoppingSoon } from "../model/clock";
import { pageTo } from "../ui/pageTo";
import { useNow } from "./useNow";

const LOOK_MS = 10_000;

/** Tells of one's own environments by the browser while this page is open somewhere, but not to whoever looks at it. */
export function Alerts() {
  const texts = useTexts();
  const navigate = useNavigate();
  const { data: me } = useMe();
  const { data: environments } = useEnvironments();
  const now = useNow(LOOK_MS);
  // What was there when the page was opened is no news.
  const told = useRef<Set<string>>(undefined);
  useEffect(() => {
    if (environments === undefined || me === undefined) {
      return;
    }
    const own = [...environments.values()].filter(({ owner }) => owner === me.name);
    const news = own.flatMap((environment) => newsOf(environment, now, texts));
    const known = told.current;
    told.current = new Set(news.map(({ tag }) => tag));
    for (const { tag, text, environment } of news) {
      if (known !== undefined && !known.has(tag) && document.hidden) {
        // Of several tabs the browser shows one: they use the same tag.
        const shown = new Notification(environment.displayName, { body: text, tag, lang: texts.tag });
        shown.onclick = () => {
          window.focus();
          void navigate(pageTo(`/envs/${environment.namespace}/${environment.name}`));
        };
      }
    }
  }, [environments, me, now, texts, navigate]);
  return null;
}

interface News {
  /** The same as long as it is the same piece of news. */
  readonly tag: string;
  readonly text: string;
  readonly environment: EnvironmentView;
}

function newsOf(environment: EnvironmentView, now: number, { t }: Texts): readonly News[] {
  const { uid, phase, reason, startedAt, stopsAt, stopsWhy, displayName } = environment;
  if (phase === "Failed") {
    const key = `reason.${reason}`;
    const text = [t("phase.Failed"), isKnown(key) ? t(key) : reason].filter(Boolean).join(": ");
    return [{ tag: `${uid} failed ${startedAt}`, text, environment }];
  }
  if (stopsAt !== null && isStoppingSoon(environment, now)) {
    const values = { time: formatSoonest(stopsAt, now), name: displayName };
    return [{ tag: `${uid} stops ${stopsAt}`, text: t(`stops.${stopsWhy ?? "Idle"}`, values), environment }];
  }
  return [];
}
