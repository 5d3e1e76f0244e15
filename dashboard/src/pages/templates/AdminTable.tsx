import { useState } from "react";
import type { Me, TemplateView, WarmPoolView } from "../../api/schema";
import { Ago } from "../../environments/Ago";
import { useTexts } from "../../i18n";
import { formatDuration } from "../../model/times";
import { Badge } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { useWide } from "../../ui/useWide";
import styles from "./AdminTable.module.css";
import { DeleteTemplateDialog } from "./DeleteTemplateDialog";
import { DeprecateDialog } from "./DeprecateDialog";
import { PrePull } from "./PrePull";
import { RestartDialog } from "./RestartDialog";
import { SuccessorLink, SuccessorProblem } from "./Successor";
import { TemplateFace } from "./TemplateFace";
import { TemplateMenu } from "./TemplateMenu";
import { usersOf } from "./usersOf";

interface AdminTableProps {
  readonly templates: readonly TemplateView[];
  readonly rights: Me["templates"];
}

/** Every template with its use, and what can be done with it; cards where there is no room for a table. */
export function AdminTable({ templates, rights }: AdminTableProps) {
  const wide = useWide();
  const [doomed, setDoomed] = useState<TemplateView | null>(null);
  const [ageing, setAgeing] = useState<TemplateView | null>(null);
  const [outdated, setOutdated] = useState<TemplateView | null>(null);
  const menu = (template: TemplateView) => (
    <TemplateMenu
      template={template}
      rights={rights}
      onDelete={setDoomed}
      onDeprecate={setAgeing}
      onRestart={setOutdated}
    />
  );
  return (
    <>
      {wide ? <Rows templates={templates} menu={menu} /> : <Cards templates={templates} menu={menu} />}
      <DeleteTemplateDialog template={doomed} onClose={() => setDoomed(null)} />
      <DeprecateDialog template={ageing} onClose={() => setAgeing(null)} />
      <RestartDialog template={outdated} onClose={() => setOutdated(null)} />
    </>
  );
}

interface ListProps {
  readonly templates: readonly TemplateView[];
  readonly menu: (template: TemplateView) => React.ReactNode;
}

function Rows({ templates, menu }: ListProps) {
  const { t } = useTexts();
  return (
    <table className={styles.table}>
      <caption className={styles.caption}>{t("templates.caption", { total: templates.length })}</caption>
      <thead>
        <tr>
          <th scope="col" className={styles.name}>
            {t("list.column.name")}
          </th>
          <th scope="col">{t("list.column.status")}</th>
          <th scope="col">{t("templates.column.use")}</th>
          <th scope="col" className={styles.start}>
            {t("templates.column.start")}
          </th>
          <th scope="col" className={styles.changed}>
            {t("templates.column.changed")}
          </th>
          <th scope="col" className={styles.actions}>
            {t("list.column.actions")}
          </th>
        </tr>
      </thead>
      <tbody>
        {templates.map((template) => (
          <tr key={template.uid} data-template={template.name} data-state={template.state}>
            <th scope="row" className={styles.name}>
              <TemplateFace template={template} plain />
            </th>
            <td>
              <State template={template} />
            </td>
            <td>
              <Use template={template} />
            </td>
            <td className={styles.start}>
              <UsualStart template={template} />
            </td>
            <td className={styles.changed}>
              <Changed template={template} />
            </td>
            <td className={styles.actions}>{menu(template)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cards({ templates, menu }: ListProps) {
  const { t } = useTexts();
  return (
    <ul className={styles.cards}>
      {templates.map((template) => (
        <li key={template.uid} className={styles.card} data-template={template.name} data-state={template.state}>
          <TemplateFace template={template} plain />
          <dl className={styles.facts}>
            <dt>{t("list.column.status")}</dt>
            <dd>
              <State template={template} />
            </dd>
            <dt>{t("templates.column.use")}</dt>
            <dd>
              <Use template={template} />
            </dd>
            <dt>{t("templates.column.changed")}</dt>
            <dd>
              <Changed template={template} />
            </dd>
          </dl>
          {menu(template)}
        </li>
      ))}
    </ul>
  );
}

function Changed({ template }: { readonly template: TemplateView }) {
  const { t } = useTexts();
  return (
    <>
      <Ago time={template.changedAt} />
      {template.changedBy !== null && (
        <div className={styles.dim}>{t("templates.changed-by", { name: template.changedBy })}</div>
      )}
    </>
  );
}

function State({ template }: { readonly template: TemplateView }) {
  const { t } = useTexts();
  return (
    <>
      <Badge variant="default" size="sm" className={styles.state}>
        {t(`templates.state.${template.state}`)}
      </Badge>
      {template.stateMessage !== "" && <div className={styles.dim}>{template.stateMessage}</div>}
      <SuccessorLink template={template} className={styles.link} />
      <SuccessorProblem template={template} className={styles.problem} />
      {template.prePull !== null && <PrePull {...template.prePull} />}
    </>
  );
}

function Use({ template }: { readonly template: TemplateView }) {
  const { t } = useTexts();
  const { use } = template;
  if (use === null) {
    return t("unknown");
  }
  return (
    <>
      {use.instances === 0 ? (
        <span className={styles.dim}>{t("templates.unused-short")}</span>
      ) : (
        <UseCounts template={template} use={use} />
      )}
      <Pools pools={template.pools} />
    </>
  );
}

/** What is made in advance, and why it is less than the template says. */
function Pools({ pools }: Pick<TemplateView, "pools">) {
  const { t } = useTexts();
  if (pools.length === 0) {
    return null;
  }
  const sum = (count: (pool: WarmPoolView) => number) => pools.reduce((total, pool) => total + count(pool), 0);
  return (
    <>
      <div className={styles.dim}>
        {t("templates.warm", { ready: sum((pool) => pool.ready), wanted: sum((pool) => pool.wanted) })}
      </div>
      {pools
        .filter((pool) => pool.message !== "")
        .map((pool) => (
          <div key={pool.namespace} className={styles.dim}>
            {t("templates.warm-note", { namespace: pool.namespace, message: pool.message })}
          </div>
        ))}
    </>
  );
}

interface UseCountsProps {
  readonly template: TemplateView;
  readonly use: NonNullable<TemplateView["use"]>;
}

function UseCounts({ template, use }: UseCountsProps) {
  const { t } = useTexts();
  return (
    <>
      <PageLink to={usersOf(template)} className={styles.link}>
        {t("templates.used", { count: use.instances })}
      </PageLink>
      <div className={styles.dim}>
        {[t("templates.running", { count: use.running }), t("templates.people", { count: use.people })].join(" · ")}
      </div>
      {use.outdated > 0 && (
        <div>
          <PageLink to={`${usersOf(template)}&state=outdated`} className={styles.link}>
            {t("templates.outdated", { count: use.outdated })}
          </PageLink>
        </div>
      )}
    </>
  );
}

function UsualStart({ template }: { readonly template: TemplateView }) {
  const { t, tag } = useTexts();
  const usual = template.usualStart;
  if (usual === null) {
    return <span className={styles.dim}>{t("unknown")}</span>;
  }
  const seconds = (value: number) => formatDuration(value * 1000, tag);
  return t("templates.start", { median: seconds(usual.median), p95: seconds(usual.p95) });
}
