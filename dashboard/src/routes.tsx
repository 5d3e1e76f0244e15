import { Navigate, type RouteObject } from "react-router";
import { Crash, NoSuchPage } from "./pages/failures";
import { ListPage } from "./pages/list/ListPage";
import { Shell } from "./pages/Shell";

/** The pages; server/dashboard/handler.py knows the same paths. What is not the list comes when it is asked for. */
export const routes: RouteObject[] = [
  {
    element: <Shell />,
    errorElement: <Crash />,
    HydrateFallback: () => null,
    children: [
      { index: true, element: <Navigate to="envs" replace /> },
      { path: "envs", element: <ListPage /> },
      {
        path: "new",
        lazy: async () => ({ Component: (await import("./pages/create/CreatePage")).CreatePage }),
      },
      {
        path: "envs/:namespace/:name/:tab?",
        lazy: async () => ({ Component: (await import("./pages/detail/DetailPage")).DetailPage }),
      },
      {
        path: "templates",
        lazy: async () => ({ Component: (await import("./pages/templates/TemplatesPage")).TemplatesPage }),
      },
      {
        path: "admin",
        lazy: async () => ({ Component: (await import("./pages/admin/AdminPage")).AdminPage }),
      },
      {
        path: "me",
        lazy: async () => ({ Component: (await import("./pages/me/MePage")).MePage }),
      },
      {
        path: "start/:namespace/:name",
        lazy: async () => ({ Component: (await import("./pages/start/StartPage")).StartPage }),
      },
      // No template can be called "-".
      ...["templates/-/new", "templates/:name/edit"].map((path) => ({
        path,
        lazy: async () => ({ Component: (await import("./pages/templates/EditorPage")).EditorPage }),
      })),
      {
        path: "disks",
        lazy: async () => ({ Component: (await import("./pages/disks/DisksPage")).DisksPage }),
      },
      { path: "*", element: <NoSuchPage /> },
    ],
  },
];
