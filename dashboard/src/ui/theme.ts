import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorScheme,
  type MantineColorSchemeManager,
  type VariantColorsResolver,
} from "@mantine/core";
import { base, embedded } from "../base";

// The library's grays in our tones: borders of what can be operated are 3:1 on their ground, in both schemes.
const gray = [
  "#f9fbfd",
  "#eff4f9",
  "#e3e9ef",
  "#ced7e2",
  "#8b99ad",
  "#79879c",
  "#5f708a",
  "#4a5a72",
  "#36435c",
  "#242e42",
] as const;
const dark = [
  "#d8e0ea",
  "#b9c5d3",
  "#9aa9bd",
  "#7d8ca3",
  "#66768f",
  "#222d3d",
  "#1c2532",
  "#171e2a",
  "#10151d",
  "#0b0f15",
] as const;

// What is ours alone stands in tokens.css, once for light and once for dark.
const variants: VariantColorsResolver = (input) => {
  if (input.variant === "filled" && (input.color === undefined || input.color === "dark")) {
    return {
      background: "var(--dw-strong)",
      hover: "var(--dw-strong-hover)",
      color: "var(--dw-on-strong)",
      border: "1px solid transparent",
    };
  }
  if (input.variant === "subtle") {
    return {
      background: "transparent",
      hover: "var(--dw-soft)",
      color: "var(--dw-text)",
      border: "1px solid transparent",
    };
  }
  return defaultVariantColorsResolver(input);
};

export const theme = createTheme({
  colors: { gray, dark },
  variantColorResolver: variants,
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
  // Named, so that its colours come from the resolver above.
  components: {
    Button: { defaultProps: { variant: "filled" } },
    // Below the field: side by side, fields stand in one line whether or not they have a hint.
    InputWrapper: { defaultProps: { inputWrapperOrder: ["label", "input", "error", "description"] } },
    Checkbox: { defaultProps: { iconColor: "var(--dw-on-strong)" } },
    Radio: { defaultProps: { iconColor: "var(--dw-on-strong)" } },
  },
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
    "--mantine-color-dark-filled": "var(--dw-strong)",
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
