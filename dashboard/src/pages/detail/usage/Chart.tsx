import { useId } from "react";
import { useTexts } from "../../../i18n";
import {
  depthOf,
  formatPoint,
  gapsOf,
  HEIGHT,
  lineOf,
  type Point,
  peakOf,
  placeOf,
  rowsOf,
  runsOf,
  type Span,
  topOf,
  WIDTH,
  type WindowId,
} from "../../../model/figures";
import styles from "./History.module.css";

interface ChartProps {
  readonly title: string;
  /** At least one. */
  readonly points: readonly Point[];
  readonly limit: number | null;
  readonly starts: readonly number[];
  readonly whole: Span;
  readonly window: WindowId;
  readonly format: (value: number) => string;
}

/** One figure over time: a sentence for everybody, a picture for those who see it, and a table behind a button. */
export function Chart({ title, points, limit, starts, whole, window, format }: ChartProps) {
  const { t } = useTexts();
  const name = useId();
  const peak = peakOf(points);
  const last = points.at(-1);
  if (peak === undefined || last === undefined) {
    return null;
  }
  const values = { peak: format(peak.value), time: formatPoint(peak.at, window), last: format(last.value) };
  return (
    <figure className={styles.chart} aria-labelledby={name}>
      <h3 className={styles.title} id={name}>
        {title}
      </h3>
      <p className={styles.sentence}>
        {limit === null ? t("usage.peak", values) : t("usage.peak-of", { ...values, limit: format(limit) })}
      </p>
      <Picture {...{ points, limit, starts, whole, window, format }} />
      <Figures {...{ title, points, whole, window, format }} />
    </figure>
  );
}

/** Stretched to the room that there is, so that words are beside it and not in it. */
function Picture({ points, limit, starts, whole, window, format }: Omit<ChartProps, "title">) {
  const { t } = useTexts();
  const hatch = useId();
  const top = topOf(points, limit);
  const runs = runsOf(points, starts);
  const edge = limit === null ? undefined : depthOf(limit, top);
  const middle = (whole.from + whole.to) / 2;
  return (
    <div className={styles.picture} aria-hidden>
      <span className={styles.top}>{limit === null ? format(top) : t("usage.limit", { limit: format(limit) })}</span>
      <svg className={styles.plot} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <pattern id={hatch} width={8} height={8} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect className={styles.hatch} width={2} height={8} />
        </pattern>
        {gapsOf(runs, whole).map(({ from, to }) => (
          <rect
            key={from}
            data-part="gap"
            x={placeOf(from, whole)}
            width={placeOf(to, whole) - placeOf(from, whole)}
            height={HEIGHT}
            fill={`url(#${hatch})`}
          />
        ))}
        {runs.map((run) => (
          <path key={run[0]?.at} className={styles.ground} d={lineOf(run, { whole, top, closed: true })} />
        ))}
        {edge !== undefined && (
          <line className={styles.limit} data-part="limit" x1={0} x2={WIDTH} y1={edge} y2={edge} />
        )}
        {starts.map((at) => (
          <line
            key={at}
            className={styles.start}
            data-part="start"
            x1={placeOf(at, whole)}
            x2={placeOf(at, whole)}
            y1={0}
            y2={HEIGHT}
          />
        ))}
        {runs.map((run) => (
          <path key={run[0]?.at} className={styles.line} data-part="line" d={lineOf(run, { whole, top })} />
        ))}
      </svg>
      <span className={styles.times}>
        <span>{formatPoint(whole.from, window)}</span>
        <span className={styles.middle}>{formatPoint(middle, window)}</span>
        <span>{formatPoint(whole.to, window)}</span>
      </span>
    </div>
  );
}

function Figures({ title, points, whole, window, format }: Omit<ChartProps, "limit" | "starts">) {
  const { t } = useTexts();
  const tell = (value: number | undefined) => (value === undefined ? t("unknown") : format(value));
  return (
    <details className={styles.details}>
      <summary>{t("usage.table")}</summary>
      <table className={styles.table}>
        <caption className={styles.caption}>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{t("usage.from")}</th>
            <th scope="col">{t("usage.mean")}</th>
            <th scope="col">{t("usage.most")}</th>
          </tr>
        </thead>
        <tbody>
          {rowsOf(points, whole, window).map(({ from, mean, most }) => (
            <tr key={from}>
              <th scope="row">{formatPoint(from, window)}</th>
              <td>{tell(mean)}</td>
              <td>{tell(most)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
