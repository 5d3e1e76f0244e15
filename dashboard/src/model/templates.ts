import type { TemplateView } from "../api/schema";

/** A text and the tag of its language, where that is known. */
export interface Told {
  readonly text: string;
  readonly lang: string | undefined;
}

type Named = Pick<TemplateView, "displayName" | "translations">;

/** The name of a template for a page in the language of `tag`: translated, or as it was written. */
export function nameOf({ displayName, translations }: Named, tag: string): Told {
  return inLanguage(translations, tag, (texts) => texts.displayName) ?? { text: displayName, lang: undefined };
}

/** The same for a sentence, which has one language; empty for no template. */
export function titleOf(template: Named | null, tag: string): string {
  return template === null ? "" : nameOf(template, tag).text;
}

/** What people call templates, by what the cluster calls them. */
export type TemplateNames = ReadonlyMap<string, Told>;

export function namesOf(templates: readonly TemplateView[], tag: string): TemplateNames {
  return new Map(templates.map((template) => [template.name, nameOf(template, tag)]));
}

export function descriptionOf({ description, translations }: TemplateView, tag: string): Told {
  return inLanguage(translations, tag, (texts) => texts.description) ?? { text: description, lang: undefined };
}

type Translations = TemplateView["translations"];

function inLanguage(
  translations: Translations,
  tag: string,
  field: (texts: Translations[string]) => string | null,
): Told | undefined {
  const [language = tag] = tag.split("-");
  for (const lang of [tag, language]) {
    const texts = translations[lang];
    const text = texts === undefined ? null : field(texts);
    if (text !== null && text !== "") {
      return { text, lang };
    }
  }
  return undefined;
}

/** Whether a template is found by a text: by its name, its tags and its texts in every language. */
export function isFound(template: TemplateView, text: string): boolean {
  const { name, displayName, description, tags, image, translations } = template;
  const translated = Object.values(translations).flatMap((texts) => [texts.displayName ?? "", texts.description ?? ""]);
  const words = [name, displayName, description, image, ...tags, ...translated].join("\n").toLowerCase();
  return words.includes(text.trim().toLowerCase());
}

type Successor = NonNullable<TemplateView["successor"]>;

/** The template that is offered instead of one; undefined where nobody could use it. */
export function offeredInstead(template: TemplateView | undefined): Successor | undefined {
  return template?.successor?.usable === true ? template.successor : undefined;
}
