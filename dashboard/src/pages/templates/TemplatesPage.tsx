import { IconPlus, IconTemplate } from "@tabler/icons-react";
import { Link, useSearchParams } from "react-router";
import { AGAIN_MS } from "../../api/catalogue";
import { useMe, useTemplates } from "../../api/queries";
import type { Me, TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { isFound } from "../../model/templates";
import { Banner } from "../../ui/Banner";
import { Choices, FilterBar, SearchField } from "../../ui/FilterBar";
import { Button, Skeleton } from "../../ui/kit";
import { pageTo } from "../../ui/pageTo";
import { Failure, Loading, Message } from "../../ui/states";
import { AdminTable } from "./AdminTable";
import { NoTemplates } from "./NoTemplates";
import { TemplateLink } from "./TemplateLink";
import styles from "./TemplatesPage.module.css";

const SKELETONS = ["one", "two", "three", "four"];
const STATES = ["all", "Active", "Hidden", "Deprecated"] as const;
type Filter = (typeof STATES)[number];

/** The catalogue: for everybody what they can use, for those who publish it how it is used. */
export function TemplatesPage() {
  const { t } = useTexts();
  const me = useMe();
  const templates = useTemplates(undefined, AGAIN_MS);
  const rights = me.data?.templates;
  const retry = () => Promise.all([me.refetch(), templates.refetch()]);
  return (
    <>
      <Banner icon={IconTemplate} title={t("nav.templates")} description={t("templates.description")} />
      <section className={styles.panel} aria-label={t("nav.templates")}>
        {templates.data === undefined && (templates.isError || me.isError) ? (
          <Failure error={templates.error ?? me.error} onRetry={retry} />
        ) : templates.data === undefined || rights === undefined ? (
          <Loading onRetry={retry}>
            <div className={styles.cards}>
              {SKELETONS.map((key) => (
                <Skeleton key={key} height={112} animate={false} />
              ))}
            </div>
          </Loading>
        ) : (
          <Catalogue templates={templates.data} rights={rights} />
        )}
      </section>
    </>
  );
}

interface CatalogueProps {
  readonly templates: readonly TemplateView[];
  readonly rights: Me["templates"];
}

function Catalogue({ templates, rights }: CatalogueProps) {
  const { t } = useTexts();
  const [query, setQuery] = useSearchParams();
  const publishes = rights.create || rights.edit || rights.delete;
  const text = query.get("q") ?? "";
  const state = STATES.find((known) => known === query.get("state")) ?? "all";
  const offered = publishes ? templates : templates.filter(({ usable }) => usable);
  const found = offered.filter((template) => isFound(template, text));
  const shown = found.filter((template) => state === "all" || template.state === state);
  const change = (part: Record<string, string>) =>
    setQuery(
      (known) => {
        const next = new URLSearchParams(known);
        for (const [key, value] of Object.entries(part)) {
          next.delete(key);
          if (value !== "" && value !== "all") {
            next.set(key, value);
          }
        }
        return next;
      },
      { replace: true },
    );

  if (offered.length === 0) {
    return <NoTemplates mayCreate={rights.create} />;
  }
  return (
    <>
      <FilterBar>
        <SearchField label={t("create.search")} text={text} onChange={(q) => change({ q })} />
        {publishes && <States found={found} state={state} onChange={(chosen) => change({ state: chosen })} />}
        {rights.create && (
          <Button
            component={Link}
            to={pageTo("/templates/-/new")}
            radius="xl"
            className={styles.create}
            leftSection={<IconPlus size={16} aria-hidden />}
          >
            {t("templates.create")}
          </Button>
        )}
      </FilterBar>
      {shown.length === 0 ? (
        <Message title={t("create.no-match")} text={t("templates.no-match-hint", { count: offered.length })}>
          <Button variant="default" onClick={() => change({ q: "", state: "" })}>
            {t("list.clear")}
          </Button>
        </Message>
      ) : publishes ? (
        <AdminTable templates={shown} rights={rights} />
      ) : (
        <ul className={styles.cards}>
          {shown.map((template) => (
            <li key={template.name}>
              <TemplateLink template={template} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface StatesProps {
  readonly found: readonly TemplateView[];
  readonly state: Filter;
  readonly onChange: (state: Filter) => void;
}

function States({ found, state, onChange }: StatesProps) {
  const { t } = useTexts();
  const choices = STATES.map((value) => ({
    value,
    label: value === "all" ? t("list.filter.all") : t(`templates.state.${value}`),
    count: found.filter((template) => value === "all" || template.state === value).length,
  }));
  return <Choices label={t("list.filter")} choices={choices} chosen={state} onChange={onChange} />;
}
