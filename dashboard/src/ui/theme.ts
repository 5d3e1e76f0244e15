import {
  type CSSVariablesResolver,
  createTheme,
  type MantineColorScheme,
  type MantineColorSchemeManager,
} from "@mantine/core";
import { base, embedded } from "../base";

// The values stand in tokens.css, once for light and once for dark.
export const theme = createTheme({
  fontFamily:
    '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif',
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  lineHeights: { xs: "1.5", sm: "1.5", md: "1.5", lg: "1.5", xl: "1.4" },
  defaultRadius: 4,
  primaryColor: "dark",
  respectReducedMotion: true,
  cursorType: "pointer",
  focusRing: "auto",
});

export const cssVariables: CSSVariablesResolver = () => {
  const both = {
    "--mantine-color-body": "var(--dw-card)",
    "--mantine-color-text": "var(--dw-text)",
    "--mantine-color-dimmed": "var(--dw-dim)",
    "--mantine-color-placeholder": "var(--dw-dim)",
    "--mantine-color-anchor": "var(--dw-link)",
    "--mantine-color-error": "var(--dw-failed-text)",
    "--mantine-color-default": "var(--dw-card)",
    "--mantine-color-default-hover": "var(--dw-soft)",
    "--mantine-color-default-color": "var(--dw-text)",
    "--mantine-color-default-border": "var(--dw-edge)",
    "--mantine-primary-color-filled": "var(--dw-strong)",
    "--mantine-primary-color-filled-hover": "var(--dw-strong-hover)",
    "--mantine-primary-color-contrast": "var(--dw-on-strong)",
  };
  return { variables: {}, light: both, dark: both };
};

const YEAR_SECONDS = 365 * 24 * 3600;
const listeners = new Set<(scheme: MantineColorScheme) => void>();

/** The server puts the cookie's choice into the page, so that the first picture has the right colours already. */
export const schemes: MantineColorSchemeManager = {
  get: (fallback) => {
    const chosen = document.documentElement.dataset.theme;
    return chosen === "light" || chosen === "dark" ? chosen : fallback;
  },
  set: (scheme) => {
    document.documentElement.dataset.theme = scheme;
    if (!embedded) {
      // biome-ignore lint/suspicious/noDocumentCookie: the server reads it; Firefox has no cookie store
      document.cookie = `dw-theme=${scheme}; path=${base}; max-age=${YEAR_SECONDS}; samesite=lax`;
    }
  },
  subscribe: (onUpdate) => listeners.add(onUpdate),
  unsubscribe: () => listeners.clear(),
  clear: () => undefined,
};

/** The value that our content policy lets into style elements of this page. */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";
}
