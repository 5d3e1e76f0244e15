import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { createBrowserRouter } from "react-router";
import { RouterProvider } from "react-router/dom";
import { ApiError } from "./api/client";
import { LiveProvider } from "./api/live";
import { base } from "./base";
import { routes } from "./routes";
import { NoticesProvider } from "./ui/Notices";
import { cssVariables, schemes, styleNonce, theme } from "./ui/theme";

const RETRIES = 2;

function makeQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // An answer is an answer; only silence and a server that is just starting are worth asking again.
        retry: (failures, error) =>
          failures < RETRIES && error instanceof ApiError && (error.status === 0 || error.status >= 500),
        staleTime: 5000,
        networkMode: "always",
      },
      // Without a network an action is refused at once; one that waited would surprise somebody later.
      mutations: { networkMode: "always" },
    },
  });
}

export function App() {
  const [queries] = useState(makeQueries);
  const [router] = useState(() => createBrowserRouter(routes, { basename: base }));
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={schemes}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queries}>
        <NoticesProvider>
          <LiveProvider>
            <RouterProvider router={router} />
          </LiveProvider>
        </NoticesProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}
