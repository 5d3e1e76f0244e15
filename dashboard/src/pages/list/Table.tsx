import { memo } from "react";
import type { EnvironmentView } from "../../api/schema";
import { Actions } from "../../environments/Actions";
import { Ago } from "../../environments/Ago";
import { Condition } from "../../environments/Condition";
import { GitMark } from "../../environments/GitMark";
import { TemplateName } from "../../environments/TemplateName";
import { useTexts } from "../../i18n";
import type { View } from "../../model/listing";
import type { Told } from "../../model/templates";
import { Checkbox, VisuallyHidden } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { RowCheck } from "../../ui/RowControls";
import { SortHead } from "../../ui/SortHead";
import { COLUMNS, type Hideable, isHideable } from "./columns";
import { FiguresCell, FiguresHead, FiguresProvider } from "./Figures";
import { detailPath, type RowsProps, toggle } from "./rows";
import styles from "./Table.module.css";

const NONE: readonly EnvironmentView[] = [];

interface TableProps extends RowsProps {
  readonly total: number;
  readonly view: View;
  /** Columns that the person does without. */
  readonly hidden: ReadonlySet<Hideable>;
  readonly onChange: (part: Partial<View>) => void;
}

/** The rows as a table; where room is short, columns go by their priority and name, status and actions stay. */
export function Table(props: TableProps) {
  const { rows, known, selected, onSelect, onDelete, templateNames, total, view, hidden, onChange } = props;
  const { t } = useTexts();
  const all = rows.every(({ uid }) => selected.has(uid));
  return (
    <FiguresProvider rows={hidden.has("figures") ? NONE : rows} className={styles.frame}>
      <table className={styles.table}>
        <caption className={styles.caption}>{t("list.caption", { total })}</caption>
        <thead>
          <tr>
            <th scope="col" className={styles.check}>
              <Checkbox
                size="xs"
                aria-label={t("list.select-all")}
                checked={all}
                indeterminate={!all && rows.some(({ uid }) => selected.has(uid))}
                onChange={() => onSelect(new Set(all ? [] : rows.map(({ uid }) => uid)))}
              />
            </th>
            {COLUMNS.filter((column) => !isHideable(column) || !hidden.has(column)).map((column) => (
              <SortHead
                key={column}
                column={column}
                label={t(`list.column.${column}`)}
                className={styles[column]}
                view={view}
                onChange={onChange}
              />
            ))}
            {!hidden.has("figures") && <FiguresHead />}
            <th scope="col" className={styles.actions}>
              {t("list.column.actions")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((environment) => (
            <Row
              key={environment.uid}
              environment={environment}
              gone={!known.has(environment.uid)}
              selected={selected.has(environment.uid)}
              hidden={hidden}
              template={templateNames.get(environment.template)}
              onToggle={(on) => onSelect((before) => toggle(before, environment.uid, on))}
              onDelete={onDelete}
            />
          ))}
        </tbody>
      </table>
    </FiguresProvider>
  );
}

interface RowProps {
  readonly environment: EnvironmentView;
  readonly gone: boolean;
  readonly selected: boolean;
  readonly hidden: ReadonlySet<Hideable>;
  readonly template: Told | undefined;
  readonly onToggle: (on: boolean) => void;
  readonly onDelete: (environment: EnvironmentView) => void;
}

const Row = memo(
  function Row({ environment, gone, selected, hidden, template, onToggle, onDelete }: RowProps) {
    const { t } = useTexts();
    return (
      <tr
        data-uid={environment.uid}
        data-phase={environment.phase}
        data-reason={environment.reason}
        data-gone={gone || undefined}
        data-selected={selected || undefined}
      >
        <td className={styles.check}>
          <RowCheck
            label={t("list.select", { name: environment.displayName })}
            checked={selected}
            disabled={gone}
            onChange={onToggle}
          />
        </td>
        <th scope="row" className={styles.name}>
          <PageLink to={detailPath(environment)} className={styles.link}>
            {environment.displayName}
          </PageLink>
          {environment.displayName !== environment.name && <div className={styles.address}>{environment.name}</div>}
          {!gone && <GitMark git={environment.git} />}
        </th>
        <td className={styles.status}>{gone ? t("list.deleted") : <Condition environment={environment} />}</td>
        {!hidden.has("template") && (
          <td className={styles.template}>
            <TemplateName name={environment.template} told={template} />
          </td>
        )}
        {!hidden.has("project") && <td className={styles.project}>{environment.namespace}</td>}
        {!hidden.has("owner") && <td className={styles.owner}>{environment.owner}</td>}
        {!hidden.has("activity") && (
          <td className={styles.activity}>
            <Ago time={environment.lastActivity} />
          </td>
        )}
        {!hidden.has("figures") && <FiguresCell environment={environment} />}
        <td className={styles.actions}>
          {gone ? (
            <VisuallyHidden>{t("none")}</VisuallyHidden>
          ) : (
            <Actions environment={environment} onDelete={() => onDelete(environment)} />
          )}
        </td>
      </tr>
    );
  },
  (before, after) =>
    before.environment === after.environment &&
    before.gone === after.gone &&
    before.selected === after.selected &&
    before.hidden === after.hidden &&
    before.template === after.template,
);
