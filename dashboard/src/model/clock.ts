import type { EnvironmentView } from "../api/schema";
import { formatMoment } from "./times";

const HOUR_MS = 3_600_000;
/** As the operator warns in the editor. */
const SOON_MS = 300_000;

/** Whether the clock stops it within the next five minutes; `now` in milliseconds since 1970. */
export function isStoppingSoon(environment: EnvironmentView, now: number): boolean {
  const left = Date.parse(environment.stopsAt ?? "") - now;
  return environment.phase === "Running" && left <= SOON_MS;
}

/** Until when one more hour would keep it awake; null where nothing can be put off, or no further. */
export function oneMoreHour(environment: EnvironmentView, now: number): string | null {
  if (environment.stopsAt === null || environment.extendableUntil === null) {
    return null;
  }
  const stopsAt = Date.parse(environment.stopsAt);
  const until = Math.min(Math.max(stopsAt, now) + HOUR_MS, Date.parse(environment.extendableUntil));
  return until > stopsAt ? `${new Date(until).toISOString().slice(0, 19)}Z` : null;
}

/** `18:40` for a moment of today, else with its date; in the person's own zone. */
export function formatSoonest(time: string, now: number): string {
  const moment = formatMoment(time);
  const [day, clock] = moment.split(" ") as [string, string];
  return formatMoment(new Date(now).toISOString()).startsWith(day) ? clock : moment;
}
