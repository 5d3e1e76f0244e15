import { IconCode } from "@tabler/icons-react";
import { useMemo, useRef, useState } from "react";
import { useEnvironments } from "../../api/live";
import { useMe } from "../../api/queries";
import type { EnvironmentView } from "../../api/schema";
import { workspace } from "../../base";
import { DeleteDialog } from "../../environments/DeleteDialog";
import { useInTurn } from "../../environments/useInTurn";
import { useTemplateNames } from "../../environments/useTemplateNames";
import { useTexts } from "../../i18n";
import { matchBeforeState, matchesState, ofWorkspace, sortEnvironments } from "../../model/listing";
import { Banner } from "../../ui/Banner";
import { Button, Skeleton } from "../../ui/kit";
import { Failure, Loading, Message } from "../../ui/states";
import { useWide } from "../../ui/useWide";
import { BulkBar } from "./BulkBar";
import { BulkResult, type Result } from "./BulkResult";
import { Cards } from "./Cards";
import { useColumns } from "./columns";
import { FirstSteps } from "./FirstSteps";
import styles from "./ListPage.module.css";
import { Pager } from "./Pager";
import { Table } from "./Table";
import { TemplateStrip } from "./TemplateStrip";
import { Toolbar } from "./Toolbar";
import { useCalmOrder } from "./useCalmOrder";
import { useInUse } from "./useInUse";
import { useView } from "./useView";

const NONE: ReadonlyMap<string, EnvironmentView> = new Map();
const SKELETON_ROWS = ["one", "two", "three", "four", "five"];

/** The environments that the person may open: find one, open it, see what is wrong. */
export function ListPage() {
  const { t } = useTexts();
  const environments = useEnvironments();
  const known = useMemo(() => ofWorkspace(environments.data ?? NONE, workspace), [environments.data]);
  return (
    <>
      <Banner icon={IconCode} title={t("nav.environments")} description={t("list.description")} />
      {environments.data === undefined && environments.isError ? (
        <div className={styles.panel}>
          <Failure error={environments.error} onRetry={() => environments.refetch()} />
        </div>
      ) : environments.data === undefined ? (
        <div className={styles.panel}>
          <Loading onRetry={() => environments.refetch()}>
            {SKELETON_ROWS.map((row) => (
              <Skeleton key={row} height={40} m={16} animate={false} />
            ))}
          </Loading>
        </div>
      ) : known.size === 0 ? (
        <FirstSteps />
      ) : (
        <>
          <TemplateStrip known={known} />
          <Listing known={known} />
        </>
      )}
    </>
  );
}

function Listing({ known }: { readonly known: ReadonlyMap<string, EnvironmentView> }) {
  const { t } = useTexts();
  const me = useMe().data?.name ?? "";
  const templateNames = useTemplateNames();
  const wide = useWide();
  const { view, dropped, change } = useView();
  const place = useRef<HTMLDivElement>(null);
  const inUse = useInUse(place);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [result, setResult] = useState<Result | null>(null);
  const work = useInTurn();
  const columns = useColumns();
  const [doomed, setDoomed] = useState<readonly EnvironmentView[]>([]);

  const before = useMemo(
    () => matchBeforeState(known.values(), view, me, templateNames),
    [known, view, me, templateNames],
  );
  const sorted = useMemo(
    () =>
      sortEnvironments(
        before.filter((environment) => matchesState(environment, view.state)),
        view,
        templateNames,
      ),
    [before, view, templateNames],
  );
  const wish = JSON.stringify(view);
  const calm = useCalmOrder({ rows: sorted, known, inUse, wish });
  const last = Math.max(1, Math.ceil(calm.rows.length / view.size));
  const page = Math.min(view.page, last);
  const rows = calm.rows.slice((page - 1) * view.size, page * view.size);
  const chosen = useMemo(
    () => [...selected].map((uid) => known.get(uid)).filter((found) => found !== undefined),
    [selected, known],
  );
  const many = chosen.length > 0 || work.running;
  const shared = {
    rows,
    known,
    selected,
    onSelect: setSelected,
    onDelete: (one: EnvironmentView) => setDoomed([one]),
    templateNames,
  };

  return (
    <section className={styles.panel} aria-label={t("nav.environments")}>
      <div className={styles.bars}>
        <div style={{ visibility: many ? "hidden" : undefined }}>
          <Toolbar
            known={known}
            before={before}
            view={view}
            columns={columns}
            templateNames={templateNames}
            onChange={change}
            wide={wide}
          />
        </div>
        {many && (
          <BulkBar
            work={work}
            chosen={chosen}
            matching={sorted}
            onSelect={setSelected}
            onDelete={setDoomed}
            onDone={setResult}
          />
        )}
      </div>
      {result !== null && <BulkResult result={result} onClose={() => setResult(null)} />}
      {dropped && <p className={styles.note}>{t("list.dropped")}</p>}
      {calm.waiting > 0 && (
        <Button variant="default" size="xs" radius="xl" className={styles.moved} onClick={calm.update}>
          {t("list.moved", { count: calm.waiting })}
        </Button>
      )}
      <div ref={place}>
        {rows.length === 0 ? (
          <Message title={t("list.no-match")} text={t("list.no-match-hint", { count: known.size })}>
            <Button
              variant="default"
              onClick={() => change({ text: "", state: "all", project: "", template: "", whose: "all" })}
            >
              {t("list.clear")}
            </Button>
          </Message>
        ) : wide && view.form === "table" ? (
          <Table {...shared} total={calm.rows.length} view={view} hidden={columns.hidden} onChange={change} />
        ) : (
          <Cards {...shared} />
        )}
      </div>
      <Pager total={calm.rows.length} page={page} last={last} size={view.size} onChange={change} />
      <DeleteDialog
        environments={doomed}
        onClose={(gone) => {
          setDoomed([]);
          setSelected((before) => new Set([...before].filter((uid) => !gone.has(uid))));
        }}
      />
    </section>
  );
}
