import "@mantine/core/styles.css";
import "./ui/tokens.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { startLanguages } from "./i18n";
import { startPreferences } from "./ui/preferences";

startLanguages();
startPreferences();
const root = document.getElementById("root");
if (root === null) {
  throw new Error("the page has no #root");
}
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
