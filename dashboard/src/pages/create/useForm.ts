import { useEffect, useMemo, useState } from "react";
import { useLocation, useSearchParams } from "react-router";
import { useEnvironments } from "../../api/live";
import { useNamespaces, useTemplates } from "../../api/queries";
import type { TemplateView } from "../../api/schema";
import { suggestAddress } from "../../model/addresses";
import { recall } from "../../ui/memory";
import { addressFrom, EMPTY_FORM, type Form, readPrefill, withTemplate } from "./form";

export const PROJECT_KEY = "dw-project";

/** The form's state: what the link says, what the person says, and what follows from it. */
export function useForm() {
  const [query] = useSearchParams();
  const location = useLocation();
  const [prefill] = useState(() => readPrefill(query));
  const [form, setForm] = useState<Form>(() => ({ ...EMPTY_FORM, ...prefill.form }));
  // An address that somebody typed is theirs; a suggested one follows the name and the template.
  const [ownAddress, setOwnAddress] = useState(false);
  const namespaces = useNamespaces();
  const templates = useTemplates(form.namespace || undefined);
  const environments = useEnvironments();

  useEffect(() => {
    const names = namespaces.data?.map(({ name }) => name) ?? [];
    const kept = recall(PROJECT_KEY);
    const [first] = kept !== null && names.includes(kept) ? [kept] : names;
    if (first !== undefined) {
      setForm((known) => (known.namespace === "" ? { ...known, namespace: first } : known));
    }
  }, [namespaces.data]);

  const taken = useMemo(() => {
    const there = [...(environments.data?.values() ?? [])].filter(({ namespace }) => namespace === form.namespace);
    return new Set(there.map(({ name }) => name));
  }, [environments.data, form.namespace]);
  const template = templates.data?.find(({ name }) => name === form.template);

  // A template from a link gets its address once the catalogue knows it.
  useEffect(() => {
    if (template !== undefined) {
      setForm((known) => (known.address === "" ? { ...known, address: suggest(known, template, taken) } : known));
    }
  }, [template, taken]);

  return {
    form,
    template,
    templates,
    namespaces,
    taken,
    ignored: prefill.ignored,
    // Our own links say so in the history's state, which no other site can write.
    fromLink: query.has("template") && location.state?.own !== true,
    change: (part: Partial<Form>) => setForm((known) => ({ ...known, ...part })),
    choose: (chosen: TemplateView) =>
      setForm((known) => withTemplate(known, chosen, ownAddress ? known.address : suggest(known, chosen, taken))),
    rename: (displayName: string) =>
      setForm((known) => {
        const address = addressFrom(displayName);
        return { ...known, displayName, address: ownAddress || address === "" ? known.address : address };
      }),
    setAddress: (address: string) => {
      setOwnAddress(true);
      setForm((known) => ({ ...known, address: address.toLowerCase() }));
    },
    reroll: () => {
      setOwnAddress(true);
      setForm((known) => ({ ...known, address: suggestAddress(known.template, taken, Math.random) }));
    },
  };
}

function suggest(form: Form, template: TemplateView, taken: ReadonlySet<string>): string {
  return addressFrom(form.displayName) || suggestAddress(template.name, taken, Math.random);
}

export type FormState = ReturnType<typeof useForm>;
