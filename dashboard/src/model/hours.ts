import type { Hours, ScheduleRule } from "../api/schema";

export const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
export type Day = (typeof DAYS)[number];

/** Times of a week as a form has them: every day is named, and a time that is not set is empty. */
export interface WeekHours {
  readonly days: readonly Day[];
  readonly start: string;
  readonly stop: string;
  readonly timeZone: string;
  readonly except: readonly string[];
}

export function readHours({ days = [], start, stop, timeZone, except = [] }: ScheduleRule): WeekHours {
  const named = DAYS.filter((day) => days.length === 0 || days.includes(day));
  return { days: named, start: start ?? "", stop: stop ?? "", timeZone, except };
}

export function writeHours({ days, start, stop, timeZone, except }: WeekHours): Hours {
  return {
    timeZone,
    days: days.length === DAYS.length ? [] : [...days],
    start: start || null,
    stop: stop || null,
    except: [...except],
  };
}

/** Whether something happens at some time on some day. */
export function isWhole({ days, start, stop }: WeekHours): boolean {
  return days.length > 0 && (start !== "" || stop !== "");
}

/** The short name of a day. */
export function nameOfDay(day: Day, tag: string): string {
  // The first of January 2024 was a Monday.
  const some = new Date(Date.UTC(2024, 0, 1 + DAYS.indexOf(day)));
  return new Intl.DateTimeFormat(tag, { weekday: "short", timeZone: "UTC" }).format(some);
}
