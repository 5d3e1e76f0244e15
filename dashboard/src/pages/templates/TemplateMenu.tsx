import { IconDots } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { changeState, noteTemplate, type TemplateState } from "../../api/catalogue";
import type { Me, TemplateView } from "../../api/schema";
import { explain } from "../../environments/explain";
import { useTexts } from "../../i18n";
import { nameOf, titleOf } from "../../model/templates";
import { ActionIcon, Button, Menu, VisuallyHidden } from "../../ui/kit";
import { useNotices } from "../../ui/Notices";
import { pageTo } from "../../ui/pageTo";
import styles from "./AdminTable.module.css";
import { newFrom } from "./Successor";

interface TemplateMenuProps {
  readonly template: TemplateView;
  readonly rights: Me["templates"];
  readonly onDelete: (template: TemplateView) => void;
  readonly onDeprecate: (template: TemplateView) => void;
  readonly onRestart: (template: TemplateView) => void;
}

/** What can be done with a template; what this person may never do is not there. */
export function TemplateMenu({ template, rights, onDelete, onDeprecate, onRestart }: TemplateMenuProps) {
  const { t, tag } = useTexts();
  const name = nameOf(template, tag);
  const change = useChangeState(template);
  const path = encodeURIComponent(template.name);
  return (
    <div className={styles.buttons}>
      {template.state !== "Hidden" && (
        <Button
          component={Link}
          to={pageTo(newFrom(template.name))}
          state={{ own: true }}
          variant="default"
          size="xs"
          className={styles.use}
        >
          {t("templates.use")} <VisuallyHidden lang={name.lang}>{name.text}</VisuallyHidden>
        </Button>
      )}
      <Menu position="bottom-end" portalProps={{ target: "#main" }} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            loading={change.pending}
            aria-label={t("list.more", { name: name.text })}
          >
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {rights.edit && (
            <Menu.Item component={Link} to={pageTo(`/templates/${path}/edit`)}>
              {t("templates.edit")}
            </Menu.Item>
          )}
          {rights.edit && rights.create && (
            <Menu.Item component={Link} to={pageTo(`/templates/${path}/edit?try=1`)}>
              {t("trial.start")}
            </Menu.Item>
          )}
          {rights.create && (
            <Menu.Item component={Link} to={pageTo(`/templates/-/new?from=${path}`)}>
              {t("templates.duplicate")}
            </Menu.Item>
          )}
          {rights.edit && template.use !== null && template.use.outdated > 0 && (
            <Menu.Item onClick={() => onRestart(template)}>{t("templates.restart")}</Menu.Item>
          )}
          {rights.edit && template.state !== "Active" && (
            <Menu.Item onClick={() => change.run("Active")}>{t("templates.activate")}</Menu.Item>
          )}
          {rights.edit && template.state !== "Hidden" && (
            <Menu.Item onClick={() => change.run("Hidden")}>{t("templates.hide")}</Menu.Item>
          )}
          {rights.edit && template.state !== "Deprecated" && (
            <Menu.Item onClick={() => onDeprecate(template)}>{t("templates.deprecate")}</Menu.Item>
          )}
          {rights.delete && (
            <Menu.Item className={styles.delete} onClick={() => onDelete(template)}>
              {t("action.delete")}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

/** Hides and activates at once: both can be taken back, and nothing that runs is touched. */
function useChangeState(template: TemplateView) {
  const { t, tag } = useTexts();
  const { tell } = useNotices();
  const queries = useQueryClient();
  const change = useMutation({
    // What was said about an earlier state is not true of an active template.
    mutationFn: (state: TemplateState) =>
      changeState(template, state === "Active" ? { state, message: "", replacedBy: "" } : { state }),
    onSuccess: (changed) => {
      noteTemplate(queries, changed);
      tell({ tone: "done", text: t(`templates.done.${changed.state}`, { name: titleOf(changed, tag) }) });
    },
    onError: (error) =>
      tell({
        tone: "failed",
        text: t("done.failed", { name: titleOf(template, tag), message: explain(error, t) }),
      }),
  });
  return { run: change.mutate, pending: change.isPending };
}
