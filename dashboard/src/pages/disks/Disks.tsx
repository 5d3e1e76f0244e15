import { useId } from "react";
import { Link } from "react-router";
import { useMe } from "../../api/queries";
import type { TemplateView, VolumeView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { type Translate, useTexts } from "../../i18n";
import { Button, Tooltip, VisuallyHidden } from "../../ui/kit";
import { pageTo } from "../../ui/pageTo";
import styles from "./DisksPage.module.css";

interface DisksProps {
  readonly volumes: readonly VolumeView[];
  /** Whether there are some of other people. */
  readonly shared: boolean;
  readonly templates: readonly TemplateView[];
  readonly onDelete: (volume: VolumeView) => void;
}

export function DiskTable({ volumes, shared, templates, onDelete }: DisksProps) {
  const { t } = useTexts();
  return (
    <table className={styles.table}>
      <caption className={styles.caption}>{t("disks.caption", { total: volumes.length })}</caption>
      <thead>
        <tr>
          <th scope="col" className={styles.name}>
            {t("disks.column.disk")}
          </th>
          <th scope="col">{t("disks.column.from")}</th>
          <th scope="col">{t("list.column.project")}</th>
          {shared && <th scope="col">{t("list.column.owner")}</th>}
          <th scope="col" className={styles.size}>
            {t("disks.column.size")}
          </th>
          <th scope="col" className={styles.age}>
            {t("disks.column.age")}
          </th>
          <th scope="col" className={styles.actions}>
            {t("list.column.actions")}
          </th>
        </tr>
      </thead>
      <tbody>
        {volumes.map((volume) => (
          <tr key={volume.uid} data-volume={volume.name} data-uid={volume.uid} data-deleting={volume.deleting}>
            <th scope="row" className={styles.name}>
              {volume.name}
            </th>
            <td>
              {volume.environment}
              <div className={styles.dim}>{volume.template}</div>
            </td>
            <td>{volume.namespace}</td>
            {shared && <td>{volume.owner || t("none")}</td>}
            <td className={styles.size}>{volume.size}</td>
            <td className={styles.age}>
              <Ago time={volume.keptSince ?? volume.createdAt} />
            </td>
            <td className={styles.actions}>
              <Actions volume={volume} templates={templates} onDelete={onDelete} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function DiskCards({ volumes, shared, templates, onDelete }: DisksProps) {
  const { t } = useTexts();
  return (
    <ul className={styles.cards}>
      {volumes.map((volume) => (
        <li key={volume.uid} className={styles.card} data-volume={volume.name} data-uid={volume.uid}>
          <h2 className={styles.title}>{volume.name}</h2>
          <dl className={styles.facts}>
            <dt>{t("disks.column.from")}</dt>
            <dd>{volume.environment}</dd>
            <dt>{t("list.column.template")}</dt>
            <dd>{volume.template}</dd>
            <dt>{t("list.column.project")}</dt>
            <dd>{volume.namespace}</dd>
            {shared && (
              <>
                <dt>{t("list.column.owner")}</dt>
                <dd>{volume.owner || t("none")}</dd>
              </>
            )}
            <dt>{t("disks.column.size")}</dt>
            <dd>{volume.size}</dd>
            <dt>{t("disks.column.age")}</dt>
            <dd>
              <Ago time={volume.keptSince ?? volume.createdAt} />
            </dd>
          </dl>
          <Actions volume={volume} templates={templates} onDelete={onDelete} />
        </li>
      ))}
    </ul>
  );
}

interface ActionsProps {
  readonly volume: VolumeView;
  readonly templates: readonly TemplateView[];
  readonly onDelete: (volume: VolumeView) => void;
}

function Actions({ volume, templates, onDelete }: ActionsProps) {
  const { t } = useTexts();
  if (volume.deleting) {
    return <span className={styles.dim}>{t("phase.Deleting")}</span>;
  }
  return (
    <div className={styles.buttons}>
      <AdoptButton volume={volume} templates={templates} />
      {volume.allowed.delete && (
        <Button variant="default" size="xs" className={styles.button} onClick={() => onDelete(volume)}>
          {t("disks.delete")} <VisuallyHidden>{volume.name}</VisuallyHidden>
        </Button>
      )}
    </div>
  );
}

/** The way to the page that creates, with this disk; a template that is gone is chosen anew there. */
function AdoptButton({ volume, templates }: Omit<ActionsProps, "onDelete">) {
  const { t } = useTexts();
  const me = useMe().data?.name;
  const hint = useId();
  const label = (
    <>
      {t("disks.adopt")} <VisuallyHidden>{t("disks.adopt-from", { name: volume.name })}</VisuallyHidden>
    </>
  );
  if (!volume.allowed.adopt) {
    const refusal = refusalOf(volume, me, t);
    return (
      <Tooltip label={refusal}>
        <Button
          variant="default"
          size="xs"
          className={`${styles.button} ${styles.refused}`}
          aria-disabled
          aria-describedby={hint}
        >
          {label}
          <VisuallyHidden id={hint}>{refusal}</VisuallyHidden>
        </Button>
      </Tooltip>
    );
  }
  const query = new URLSearchParams({ ns: volume.namespace });
  if (templates.some(({ name, usable }) => name === volume.template && usable)) {
    query.set("template", volume.template);
  }
  return (
    <Button
      component={Link}
      to={pageTo(`/new?${query}`)}
      state={{ own: true, adopt: volume.name }}
      variant="default"
      size="xs"
      className={styles.button}
    >
      {label}
    </Button>
  );
}

function refusalOf(volume: VolumeView, me: string | undefined, t: Translate): string {
  return volume.owner === me
    ? t("disks.adopt-project", { namespace: volume.namespace })
    : t("disks.adopt-owner", { owner: volume.owner || t("none") });
}
