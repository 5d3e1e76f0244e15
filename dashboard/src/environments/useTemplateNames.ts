import { useMemo } from "react";
import { useTemplates } from "../api/queries";
import { useTexts } from "../i18n";
import { namesOf, type TemplateNames } from "../model/templates";

/** The templates' names in the page's language; one that is gone, or that nobody has told yet, is not among them. */
export function useTemplateNames(): TemplateNames {
  const { tag } = useTexts();
  const templates = useTemplates().data;
  return useMemo(() => namesOf(templates ?? [], tag), [templates, tag]);
}
