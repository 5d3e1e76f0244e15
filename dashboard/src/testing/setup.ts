import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterAll, afterEach, beforeAll } from "vitest";
import { startLanguages } from "../i18n";
import { FakeEventSource } from "./events";
import { api } from "./server";

// What jsdom lacks and the component library asks for.
window.matchMedia = (query: string) =>
  Object.assign(new EventTarget(), {
    matches: query.includes("min-width"),
    media: query,
    onchange: null,
    addListener: () => undefined,
    removeListener: () => undefined,
  });
window.scrollTo = () => undefined;
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
Element.prototype.scrollIntoView = () => undefined;
Object.assign(globalThis, { EventSource: FakeEventSource });

startLanguages();
// Two cores that others use as well.
configure({ asyncUtilTimeout: 30_000 });
beforeAll(() => api.listen({ onUnhandledFrame: "error" }));
afterEach(() => {
  cleanup();
  FakeEventSource.opened.length = 0;
  FakeEventSource.greets = true;
  api.resetHandlers();
});
afterAll(() => api.close());
