const STEPS: readonly [limit: number, unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  [60, "second", 1],
  [3600, "minute", 60],
  [86_400, "hour", 3600],
  [30 * 86_400, "day", 86_400],
  [365 * 86_400, "month", 30 * 86_400],
  [Number.POSITIVE_INFINITY, "year", 365 * 86_400],
];

/** "2 minutes ago", by the language; `now` in milliseconds since 1970. */
export function formatAgo(time: string, options: { tag: string; now: number }): string {
  const seconds = Math.min(0, (Date.parse(time) - options.now) / 1000);
  const [, unit, length] = STEPS.find(([limit]) => -seconds < limit) as (typeof STEPS)[number];
  return new Intl.RelativeTimeFormat(options.tag, { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

// Swedish dates are the ISO form, which the console uses in both languages.
const FORM = "sv-SE";
let moments = makeFormat({ dateStyle: "short", timeStyle: "short" });
let clocks = makeFormat({ timeStyle: "medium" });

function makeFormat(options: Intl.DateTimeFormatOptions, timeZone?: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(FORM, timeZone === undefined ? options : { ...options, timeZone });
}

/** Sets the zone that moments are told in from now on; undefined: the machine's own. */
export function setTimeZone(zone: string | undefined): void {
  moments = makeFormat({ dateStyle: "short", timeStyle: "short" }, zone);
  clocks = makeFormat({ timeStyle: "medium" }, zone);
}

/** `2026-11-25 14:03`, in the person's zone. */
export function formatMoment(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : moments.format(date);
}

export function formatClock(time: number): string {
  return clocks.format(time);
}

/** Below 10 s one decimal, below a minute whole seconds, else `m:ss`. */
export function formatDuration(milliseconds: number, tag: string): string {
  const seconds = milliseconds / 1000;
  if (seconds >= 60) {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }
  return new Intl.NumberFormat(tag, {
    style: "unit",
    unit: "second",
    maximumFractionDigits: seconds < 10 ? 1 : 0,
  }).format(seconds);
}
