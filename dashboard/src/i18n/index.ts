import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";
import { base, embedded } from "../base";
import en from "./en.json";
import zh from "./zh.json";

export type Language = "en" | "zh";
type Suffixed = keyof typeof en;
type Unsuffixed<Name> = Name extends `${infer Stem}_${"one" | "other"}` ? Stem : Name;

/** Every key of the catalogues; a plural one without its suffix. */
export type TextKey = Unsuffixed<Suffixed>;
export type Values = Record<string, string | number>;
export type Translate = (key: TextKey, values?: Values) => string;

const TAGS: Record<Language, string> = { en: "en", zh: "zh-CN" };
const YEAR_SECONDS = 365 * 24 * 3600;

/** The server has chosen: by the address, an earlier choice, the browser's wish. */
export function startLanguages(): void {
  const language: Language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: "en",
    resources: { en: { translation: en }, zh: { translation: zh } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
    initAsync: false,
  });
}

/** What was chosen in this browser, or `browser`: as the browser wishes. */
export function chosenLanguage(): Language | "browser" {
  const kept = /(?:^|; )dw-lang=(en|zh)(?:;|$)/.exec(document.cookie)?.[1];
  return kept === "en" || kept === "zh" ? kept : "browser";
}

/** Forgets the choice; from now on the browser decides. */
export function followBrowser(): void {
  setLanguage(navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag))?.startsWith("zh") ? "zh" : "en");
  if (!embedded) {
    // biome-ignore lint/suspicious/noDocumentCookie: the server reads it; Firefox has no cookie store
    document.cookie = `dw-lang=; path=${base}; max-age=0; samesite=lax`;
  }
}

/** Changes the language of what is on the screen; nothing is loaded again, nothing typed is lost. */
export function setLanguage(language: Language): void {
  document.documentElement.lang = TAGS[language];
  if (!embedded) {
    // biome-ignore lint/suspicious/noDocumentCookie: the server reads it; Firefox has no cookie store
    document.cookie = `dw-lang=${language}; path=${base}; max-age=${YEAR_SECONDS}; samesite=lax`;
  }
  void i18next.changeLanguage(language);
}

export interface Texts {
  readonly t: Translate;
  readonly language: Language;
  /** The language's tag for `Intl` and for `lang`. */
  readonly tag: string;
}

export function useTexts(): Texts {
  const { t, i18n } = useTranslation();
  const language = i18n.language === "zh" ? "zh" : "en";
  return { t: t as unknown as Translate, language, tag: TAGS[language] };
}

/** The tag of the language that is on the screen, for words that are made outside of a component. */
export function currentTag(): string {
  return i18next.language === "zh" ? TAGS.zh : TAGS.en;
}

/** Whether a key that is put together from the server's words is in the catalogue. */
export function isKnown(key: string): key is TextKey {
  return key in en;
}
