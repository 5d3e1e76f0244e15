// What KubeSphere's console does with an extension's script: offers React and its router under their names, loads the
// script with SystemJS, and makes menus, pages and texts of its default export.
const { createElement: h } = React;
const { BrowserRouter, Link, Outlet, useParams, useRoutes } = ReactRouterDOM;

for (const [name, module] of Object.entries({ react: React, "react-router-dom": ReactRouterDOM })) {
  System.set(`console:${name}`, { ...module, default: module });
}

function isAllowed({ authKey, authAction, skipAuth }) {
  return skipAuth || (globals.user.globalRules[authKey] ?? []).includes(authAction);
}

function Menu({ extension, parent, base = "" }) {
  const entries = extension.menus.filter((entry) => entry.parent === parent && isAllowed(entry));
  return h(
    "nav",
    { "aria-label": parent },
    entries.map(({ name, link, title, icon }) =>
      h(Link, { key: name, to: link ?? `${base}/${name}`, "data-icon": icon }, window.t(title)),
    ),
  );
}

function Workspace({ extension }) {
  const { workspace } = useParams();
  return h(
    "div",
    { className: "workspace" },
    h(Menu, { extension, parent: "workspace", base: `/workspaces/${workspace}` }),
    h("main", null, h(Outlet)),
  );
}

function Pages({ extension }) {
  const inWorkspaces = extension.routes.filter(({ parentRoute }) => parentRoute === "/workspaces/:workspace");
  return useRoutes([
    { path: "/", element: h("p", null, "Welcome") },
    ...extension.routes.filter(({ parentRoute }) => parentRoute === undefined),
    {
      path: "/workspaces/:workspace",
      element: h(Workspace, { extension }),
      children: inWorkspaces.map(({ path, element }) => ({ path, element })),
    },
  ]);
}

function Console({ extension }) {
  // Otherwise the router warns of its next version.
  const future = { v7_startTransition: true, v7_relativeSplatPath: true };
  return h(
    BrowserRouter,
    { future },
    h("header", null, h("strong", null, "Console"), h(Menu, { extension, parent: "global" })),
    h(Pages, { extension }),
  );
}

function show(element) {
  const root = document.getElementById("root");
  if (ReactDOM.createRoot) {
    ReactDOM.createRoot(root).render(element);
  } else {
    ReactDOM.render(element, root);
  }
}

System.import(globals.bundle).then(({ default: extension }) => {
  const texts = extension.locales[globals.language];
  window.t = (key) => texts[key] ?? key;
  show(h(React.StrictMode, null, h(Console, { extension })));
});
