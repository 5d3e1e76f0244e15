import { IconDatabase } from "@tabler/icons-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { useVolumes } from "../../api/catalogue";
import { useMe, useTemplates } from "../../api/queries";
import type { VolumeView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { Banner } from "../../ui/Banner";
import { FilterBar, SearchField } from "../../ui/FilterBar";
import { Button, NativeSelect, Skeleton } from "../../ui/kit";
import { PageLink } from "../../ui/PageLink";
import { Failure, Loading, Message } from "../../ui/states";
import { useWide } from "../../ui/useWide";
import { DiskCards, DiskTable } from "./Disks";
import styles from "./DisksPage.module.css";
import { PurgeDialog } from "./PurgeDialog";

const SKELETONS = ["one", "two", "three"];
const NONE: ReadonlySet<string> = new Set();

/** What deleted environments left behind: take it over, or delete it for good. */
export function DisksPage() {
  const { t } = useTexts();
  const volumes = useVolumes();
  return (
    <>
      <Banner icon={IconDatabase} title={t("nav.disks")} description={t("disks.description")} />
      <section className={styles.panel} aria-label={t("nav.disks")}>
        {volumes.data === undefined && volumes.isError ? (
          <Failure error={volumes.error} onRetry={() => volumes.refetch()} />
        ) : volumes.data === undefined ? (
          <Loading onRetry={() => volumes.refetch()}>
            {SKELETONS.map((row) => (
              <Skeleton key={row} height={40} m={16} animate={false} />
            ))}
          </Loading>
        ) : volumes.data.length === 0 ? (
          <Message title={t("disks.empty")} text={t("disks.empty-hint")}>
            <PageLink to="/envs">{t("missing.back")}</PageLink>
          </Message>
        ) : (
          <Listing volumes={volumes.data} />
        )}
      </section>
    </>
  );
}

function Listing({ volumes }: { readonly volumes: readonly VolumeView[] }) {
  const { t } = useTexts();
  const wide = useWide();
  const me = useMe().data?.name;
  const templates = useTemplates().data;
  const [query, setQuery] = useSearchParams();
  const [doomed, setDoomed] = useState<VolumeView | null>(null);
  // The server's list is a moment behind its answer.
  const [gone, setGone] = useState(NONE);
  const text = query.get("q") ?? "";
  const whose = query.get("whose") === "mine" ? "mine" : "all";
  const shared = volumes.some(({ owner }) => owner !== me);
  const shown = volumes
    .filter((volume) => contains(volume, text) && (whose === "all" || volume.owner === me))
    .map((volume) => (gone.has(volume.uid) ? asDeleting(volume) : volume))
    .sort(byAge);
  const change = (key: "q" | "whose", value: string) =>
    setQuery(
      (known) => {
        const next = new URLSearchParams(known);
        next.delete(key);
        if (value !== "" && value !== "all") {
          next.set(key, value);
        }
        return next;
      },
      { replace: true },
    );
  const list = { volumes: shown, shared, templates: templates ?? [], onDelete: setDoomed };
  return (
    <>
      <FilterBar>
        <SearchField label={t("disks.search")} text={text} onChange={(q) => change("q", q)} />
        {shared && (
          <NativeSelect
            aria-label={t("list.owner")}
            value={whose}
            onChange={(event) => change("whose", event.currentTarget.value)}
            data={[
              { value: "all", label: t("list.owner.all") },
              { value: "mine", label: t("list.owner.mine") },
            ]}
          />
        )}
        <span className={styles.count}>{t("disks.count", { count: shown.length })}</span>
      </FilterBar>
      {shown.length === 0 ? (
        <Message title={t("disks.no-match")} text={t("disks.no-match-hint", { count: volumes.length })}>
          <Button variant="default" onClick={() => setQuery({}, { replace: true })}>
            {t("list.clear")}
          </Button>
        </Message>
      ) : wide ? (
        <DiskTable {...list} />
      ) : (
        <DiskCards {...list} />
      )}
      <PurgeDialog
        volume={doomed}
        onClose={(purged) => {
          setDoomed(null);
          if (purged !== null) {
            setGone((known) => new Set([...known, purged.uid]));
          }
        }}
      />
    </>
  );
}

function asDeleting(volume: VolumeView): VolumeView {
  return { ...volume, deleting: true, allowed: { adopt: false, delete: false } };
}

function contains({ name, environment, owner, namespace, template }: VolumeView, text: string): boolean {
  return [name, environment, owner, namespace, template].join("\n").toLowerCase().includes(text.trim().toLowerCase());
}

/** Latest first: what somebody has just deleted is what they look for. */
function byAge(one: VolumeView, other: VolumeView): number {
  const since = ({ keptSince, createdAt }: VolumeView) => Date.parse(keptSince ?? createdAt) || 0;
  return since(other) - since(one) || one.name.localeCompare(other.name);
}
