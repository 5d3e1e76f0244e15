import { useState } from "react";
import type { TemplateView } from "../../api/schema";
import { useTexts } from "../../i18n";
import { offeredInstead, titleOf } from "../../model/templates";
import { Callout } from "../../ui/Callout";
import { Button } from "../../ui/kit";
import { recall } from "../../ui/memory";
import { type FormState, TEMPLATE_KEY } from "./useForm";

/** Offers what replaces the template that is chosen or, while none is, the one that this person took last. */
export function SuccessorOffer({ state }: { readonly state: FormState }) {
  const { t, tag } = useTexts();
  const [last] = useState(() => recall(TEMPLATE_KEY));
  const { form, choose } = state;
  const templates = state.templates.data ?? [];
  const named = (name: string | null): TemplateView | undefined => templates.find((one) => one.name === name);
  const old = named(form.template === "" ? last : form.template);
  const successor = named(offeredInstead(old)?.name ?? null);
  if (old === undefined || successor === undefined) {
    return null;
  }
  const name = titleOf(old, tag);
  return (
    <Callout tone="warning" title={t("create.replaced", { name, successor: titleOf(successor, tag) })}>
      {form.template === "" && <p>{t("create.replaced-last", { name })}</p>}
      {old.stateMessage !== "" && <p>{old.stateMessage}</p>}
      <Button
        variant="default"
        size="compact-sm"
        onClick={({ currentTarget }) => {
          choose(successor);
          // This button goes away; its place on the page is the card that it has chosen.
          const card = currentTarget.form?.querySelector(`[name="template"][value="${CSS.escape(successor.name)}"]`);
          if (card instanceof HTMLElement) {
            card.focus();
          }
        }}
      >
        {t("create.use-successor", { name: titleOf(successor, tag) })}
      </Button>
    </Callout>
  );
}
