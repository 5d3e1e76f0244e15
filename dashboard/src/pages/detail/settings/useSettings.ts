import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { ApiError, isStale } from "../../../api/client";
import { isOlder } from "../../../api/feed";
import { useLive } from "../../../api/live";
import { useChange } from "../../../api/queries";
import { type Said, spread } from "../../../api/refusals";
import type { EnvironmentPatch, EnvironmentView } from "../../../api/schema";
import { checkEdit, edit, readEnvironment } from "../../../api/settings";
import { explain } from "../../../environments/explain";
import { useTexts } from "../../../i18n";
import { useSettled } from "../../../ui/useSettled";
import { type Draft, differences, draftOf, type Field, merge, placeOf } from "./form";

const TRIES = 8;
const LAG_MS = 250;

/** What is typed, on which state of the environment it is based, and whether that state has moved on. */
export function useDraft(environment: EnvironmentView) {
  const now = draftOf(environment);
  const [origin, setOrigin] = useState(environment);
  const [draft, setDraft] = useState(now);
  const base = draftOf(origin);
  const dirty = differences(base, draft);
  // After a save the page knows a moment later than the form.
  const moved = isOlder(environment, origin) ? [] : differences(base, now);
  // Nothing was typed: what others changed is simply shown.
  if (moved.length > 0 && dirty.length === 0) {
    setOrigin(environment);
    setDraft(now);
  }
  return {
    base,
    draft,
    dirty,
    moved: dirty.length > 0 ? moved : [],
    change: (part: Partial<Draft>) => setDraft((known) => ({ ...known, ...part })),
    discard: () => {
      setOrigin(environment);
      setDraft(now);
    },
    /** Goes on from what others have made of it; what was typed stays. */
    catchUp: () => {
      setOrigin(environment);
      setDraft(merge({ base, mine: draft, theirs: now }));
    },
    /** After it was saved: what the server has now. */
    settle: (saved: EnvironmentView) => {
      setOrigin(saved);
      setDraft((known) => merge({ base: draft, mine: known, theirs: draftOf(saved) }));
    },
  };
}

const SILENCE: Said<Field> = { problems: {}, general: undefined };

/** What the cluster says to a change, a moment after the last key. */
export function useEditCheck(environment: EnvironmentView, patch: EnvironmentPatch, ready: boolean) {
  const { t } = useTexts();
  const text = JSON.stringify(patch);
  const settled = useSettled(text);
  const current = ready && text !== "{}" && settled === text;
  const check = useQuery({
    queryKey: ["edit-check", environment.uid, settled],
    queryFn: ({ signal }) => checkEdit(environment, JSON.parse(settled), signal),
    enabled: current,
    retry: false,
    gcTime: 0,
  });
  const error = current && check.error instanceof ApiError ? check.error : undefined;
  // An old version is no matter of a check, and silence says nothing.
  const unknown = error !== undefined && (error.status === 0 || error.status === 412 || error.status >= 500);
  return {
    said: error === undefined || unknown ? SILENCE : spread(error, placeOf, explain(error, t)),
    state: text === "{}" ? "idle" : !current || check.isFetching ? "checking" : unknown ? "unknown" : "done",
  } as const;
}

/** Somebody else has changed the settings since this person began. */
export class ChangedMeanwhile extends Error {}

/**
 * Saves. The version that is asked for is the newest known one, since every sign of life of a running environment makes
 * a new version; whether somebody changed the settings is seen by the settings.
 */
export function useSave(environment: EnvironmentView, base: Draft) {
  const { feed } = useLive();
  const latest = useRef(environment);
  latest.current = environment;
  return useChange(async (patch: EnvironmentPatch): Promise<EnvironmentView> => {
    let known = latest.current;
    for (let attempt = 1; ; attempt += 1) {
      if (differences(base, draftOf(known)).length > 0) {
        throw new ChangedMeanwhile();
      }
      try {
        const saved = await edit(known, patch, known.resourceVersion);
        feed.apply({ kind: "environment", environment: saved });
        return saved;
      } catch (error) {
        if (!isStale(error) || attempt === TRIES) {
          throw error;
        }
      }
      const seen = await readEnvironment(known);
      if (isOlder(known, seen)) {
        known = seen;
        feed.apply({ kind: "environment", environment: seen });
      } else {
        // The server has not heard of our own last change yet.
        await new Promise((resolve) => setTimeout(resolve, LAG_MS));
      }
    }
  });
}
