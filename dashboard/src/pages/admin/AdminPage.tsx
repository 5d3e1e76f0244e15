import { IconChartBar } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useEnvironments } from "../../api/live";
import { useMe } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { useNow } from "../../environments/useNow";
import { useTexts } from "../../i18n";
import { selectRows, sumUp } from "../../model/overview";
import { Banner } from "../../ui/Banner";
import { Button, Skeleton } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { Failure, Loading, Message } from "../../ui/states";
import { useWide } from "../../ui/useWide";
import { Pager } from "../list/Pager";
import { AdminCards } from "./AdminCards";
import styles from "./AdminPage.module.css";
import { AdminTable } from "./AdminTable";
import { AdminToolbar } from "./AdminToolbar";
import { Limits } from "./Limits";
import { MonthUse } from "./MonthUse";
import { Numbers } from "./Numbers";
import { StopDialog } from "./StopDialog";
import { SystemStatus } from "./SystemStatus";
import { useAdminView } from "./useAdmin";

// Of deploy/roles.yaml.
const ADMIN_ROLE = "devworkspace-admin";
// Ages are told in minutes.
const CLOCK_MS = 30_000;

/** All environments at a glance, for those who may open everybody's. */
export function AdminPage() {
  const { t } = useTexts();
  const me = useMe();
  const environments = useEnvironments();
  return (
    <>
      <Banner icon={IconChartBar} title={t("nav.admin")} description={t("admin.description")} />
      {me.data?.seesAll === false ? (
        <div className={styles.panel}>
          <Message title={t("admin.forbidden")} text={t("admin.forbidden-hint", { role: ADMIN_ROLE })}>
            <PageLink to="/envs">{t("missing.back")}</PageLink>
          </Message>
        </div>
      ) : environments.data !== undefined && me.data !== undefined ? (
        <Overview known={environments.data} />
      ) : environments.isError || me.isError ? (
        <div className={styles.panel}>
          <Failure error={environments.error ?? me.error} onRetry={() => [environments.refetch(), me.refetch()]} />
        </div>
      ) : (
        <Loading onRetry={() => environments.refetch()}>
          <Skeleton height={92} mb={12} animate={false} />
          <Skeleton height={420} animate={false} />
        </Loading>
      )}
    </>
  );
}

function Overview({ known }: { readonly known: ReadonlyMap<string, EnvironmentView> }) {
  const { t } = useTexts();
  const all = useMemo(() => [...known.values()], [known]);
  const now = useNow(CLOCK_MS);
  const wide = useWide();
  const { view, change } = useAdminView();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [stopping, setStopping] = useState<readonly EnvironmentView[]>([]);
  const sums = useMemo(() => sumUp(all, now), [all, now]);
  const rows = useMemo(() => selectRows(all, view, now), [all, view, now]);
  const last = Math.max(1, Math.ceil(rows.length / view.size));
  const page = Math.min(view.page, last);
  const shown = rows.slice((page - 1) * view.size, page * view.size);
  const chosen = all.filter(({ uid }) => selected.has(uid));
  const table = { rows: shown, selected, onSelect: setSelected };
  return (
    <>
      <Numbers sums={sums} view={view} onChange={change} />
      <section className={styles.table} aria-label={t("admin.all")}>
        <AdminToolbar view={view} sums={sums} rows={rows} chosen={chosen} onChange={change} onStop={setStopping} />
        {all.length === 0 ? (
          <Message title={t("list.empty")} text={t("admin.empty")} />
        ) : rows.length === 0 ? (
          <Message title={t("list.no-match")} text={t("list.no-match-hint", { count: all.length })}>
            <Button variant="default" onClick={() => change({ preset: "all", cause: "", text: "" })}>
              {t("list.clear")}
            </Button>
          </Message>
        ) : wide ? (
          <AdminTable {...table} view={view} total={rows.length} onChange={change} />
        ) : (
          <AdminCards {...table} />
        )}
        <Pager
          total={rows.length}
          page={page}
          last={last}
          size={view.size}
          onChange={({ page: wanted, size }) =>
            change({ ...(wanted === undefined ? {} : { page: wanted }), ...(size === undefined ? {} : { size }) })
          }
        />
      </section>
      <Limits />
      <MonthUse />
      <SystemStatus />
      <StopDialog
        environments={stopping}
        onClose={(stopped) => {
          setStopping([]);
          setSelected((before) => new Set([...before].filter((uid) => !stopped.has(uid))));
        }}
      />
    </>
  );
}
