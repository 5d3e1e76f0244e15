import { useTemplates } from "../../api/queries";
import { useTexts } from "../../i18n";
import { titleOf } from "../../model/templates";

export interface SuccessorChoice {
  readonly value: string;
  readonly label: string;
}

/** What may be named as the successor of template `own`: none, what is offered, and what is named already. */
export function useSuccessorChoices(own: string | undefined, chosen: string): readonly SuccessorChoice[] {
  const { t, tag } = useTexts();
  const others = (useTemplates().data ?? []).filter(
    ({ name, state }) => name !== own && (state !== "Hidden" || name === chosen),
  );
  const choices = others.map((template) => ({
    value: template.name,
    label: t("editor.successor", { title: titleOf(template, tag), name: template.name }),
  }));
  const unknown = chosen !== "" && !others.some(({ name }) => name === chosen);
  return [
    { value: "", label: t("editor.no-successor") },
    ...(unknown ? [{ value: chosen, label: chosen }] : []),
    ...choices,
  ];
}
