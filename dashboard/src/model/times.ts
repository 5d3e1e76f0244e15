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

/** `2026-11-25 14:03`, in the person's own zone: the form that the console uses in both languages. */
export function formatMoment(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function formatClock(time: number): string {
  return new Date(time).toTimeString().slice(0, 8);
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
