import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter } from "react-router";
import { RouterProvider } from "react-router/dom";
import { LiveProvider } from "../api/live";
import { routes } from "../routes";
import { NoticesProvider } from "../ui/Notices";
import { theme } from "../ui/theme";

/** The whole dashboard at an address, as in the browser but for the history. */
export function show(path: string) {
  const router = createMemoryRouter(routes, { initialEntries: [path] });
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false, networkMode: "always" }, mutations: { networkMode: "always" } },
  });
  render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queries}>
        <NoticesProvider>
          <LiveProvider>
            <RouterProvider router={router} />
          </LiveProvider>
        </NoticesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { router, queries, user: userEvent.setup() };
}
