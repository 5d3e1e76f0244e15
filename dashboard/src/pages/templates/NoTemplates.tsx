import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { noteTemplate, TEMPLATES, useStarters, writeTemplate } from "../../api/catalogue";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { titleOf } from "../../model/templates";
import { Button } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import { pageTo } from "../../ui/pageTo";
import { Message } from "../../ui/states";

/** Where the catalogue is empty: whom to ask, or the way to fill it. */
export function NoTemplates({ mayCreate }: { readonly mayCreate: boolean }) {
  const { t } = useTexts();
  if (!mayCreate) {
    return <Message title={t("create.no-template")} text={t("create.no-template-hint")} />;
  }
  return (
    <Message title={t("create.no-template")} text={t("templates.empty-hint")}>
      <Starters />
      <Button component={Link} to={pageTo("/templates/-/new")} variant="default">
        {t("templates.create")}
      </Button>
    </Message>
  );
}

function Starters() {
  const { t, tag } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const starters = useStarters().data ?? [];
  const [adding, setAdding] = useState(false);
  if (starters.length === 0) {
    return null;
  }
  const add = async () => {
    setAdding(true);
    for (const { name, spec } of starters) {
      try {
        const made = await writeTemplate({ name, spec: { ...spec }, version: "" }, { dryRun: false });
        noteTemplate(queries, made);
        tell({ tone: "done", text: t("editor.saved", { name: titleOf(made, tag) }) });
      } catch (error) {
        tell({ tone: "failed", text: t("done.failed", { name, message: explain(error, t) }) });
      }
    }
    setAdding(false);
    await queries.invalidateQueries({ queryKey: TEMPLATES });
  };
  return (
    <Button loading={adding} onClick={add}>
      {t("templates.add-starters", { count: starters.length })}
    </Button>
  );
}
