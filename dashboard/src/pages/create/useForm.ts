import { useEffect, useMemo, useState } from "react";
import { useLocation, useSearchParams } from "react-router";
import { useEnvironments } from "../../api/live";
import { useNamespaces, useTemplates } from "../../api/queries";
import type { TemplateView } from "../../api/schema";
import { suggestAddress } from "../../model/addresses";
import { repositoryName } from "../../model/git";
import { SIZES } from "../../model/sizes";
import { recall } from "../../ui/memory";
import { chosenGitUser, chosenProject, chosenSize } from "../../ui/preferences";
import { addressFrom, EMPTY_FORM, type Form, readPrefill, refusedOfLink, withTemplate } from "./form";
import { useTrust } from "./useTrust";

export const PROJECT_KEY = "dw-project";
export const TEMPLATE_KEY = "dw-template";

/** The form's state: what the link says, what the person says, and what follows from it. */
export function useForm() {
  const [query] = useSearchParams();
  const location = useLocation();
  const [prefill] = useState(() => readPrefill(query));
  // Which disk is taken over is no matter of a link either: our own page of disks says it in the history's state.
  const [form, setForm] = useState<Form>(() => ({
    ...EMPTY_FORM,
    gitUser: chosenGitUser(),
    size: SIZES.find(({ id }) => id === chosenSize())?.id ?? EMPTY_FORM.size,
    ...prefill.form,
    adopt: typeof location.state?.adopt === "string" ? location.state.adopt : "",
  }));
  // An address that somebody typed is theirs; a suggested one follows the name and the template.
  const [ownAddress, setOwnAddress] = useState(false);
  const namespaces = useNamespaces();
  const templates = useTemplates(form.namespace || undefined);
  const environments = useEnvironments();

  useEffect(() => {
    const names = namespaces.data?.map(({ name }) => name) ?? [];
    const kept = chosenProject() || recall(PROJECT_KEY);
    const [first] = kept !== null && names.includes(kept) ? [kept] : names;
    if (first !== undefined) {
      // One that a link names, or that was left since, need not be among them.
      setForm((known) => (names.includes(known.namespace) ? known : { ...known, namespace: first }));
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
      setForm((known) =>
        known.address === "" ? withTemplate(known, template, suggest(known, template, taken)) : known,
      );
    }
  }, [template, taken]);

  // From then on it is the person's form, whoever filled it in.
  const [touched, setTouched] = useState(false);
  const edit = (how: (known: Form) => Form) => {
    setTouched(true);
    setForm(how);
  };
  const names = namespaces.data?.map(({ name }) => name);
  // Our own links say so in the history's state, which no other site can write.
  const fromLink = (Object.keys(prefill.form).length > 0 || prefill.ignored.length > 0) && location.state?.own !== true;

  const trust = useTrust(fromLink ? (prefill.form.repository ?? "") : "", form.repository.trim(), template);
  const suggestAnother = (known: Form) => ({
    ...known,
    address: suggestAddress(stemOf(known, known.template), taken, Math.random),
  });

  return {
    form,
    template,
    templates,
    namespaces,
    taken,
    touched,
    ignored: [...prefill.ignored, ...refusedOfLink(prefill, { namespaces: names, template })],
    fromLink,
    trust: {
      ...trust,
      give: (given: boolean) => {
        setTouched(true);
        trust.give(given);
      },
    },
    change: (part: Partial<Form>) => edit((known) => ({ ...known, ...part })),
    choose: (chosen: TemplateView) =>
      edit((known) => withTemplate(known, chosen, ownAddress ? known.address : suggest(known, chosen, taken))),
    rename: (displayName: string) =>
      edit((known) => {
        const address = addressFrom(displayName);
        return { ...known, displayName, address: ownAddress || address === "" ? known.address : address };
      }),
    setAddress: (address: string) => {
      setOwnAddress(true);
      edit((known) => ({ ...known, address: address.toLowerCase() }));
    },
    reroll: () => {
      setOwnAddress(true);
      edit(suggestAnother);
    },
    /** Once a repository was typed, a suggested address is named after it. */
    nameAfterRepository: () => {
      const suggested = !ownAddress && form.address !== "" && addressFrom(form.displayName) === "";
      const stem = addressFrom(repositoryName(form.repository.trim()));
      if (suggested && stem !== "" && !form.address.startsWith(`${stem.slice(0, 20)}-`)) {
        edit(suggestAnother);
      }
    },
  };
}

function suggest(form: Form, template: TemplateView, taken: ReadonlySet<string>): string {
  return addressFrom(form.displayName) || suggestAddress(stemOf(form, template.name), taken, Math.random);
}

/** What a suggested address begins with. */
function stemOf(form: Form, template: string): string {
  return addressFrom(repositoryName(form.repository.trim())) || template;
}

export type FormState = ReturnType<typeof useForm>;
