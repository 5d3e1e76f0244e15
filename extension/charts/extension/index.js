// DevWorkspace in KubeSphere's console: two menu entries and a page with the dashboard in a frame. The console loads this
// with SystemJS and takes the default export. It needs nothing of the console but React and its router, so that it runs
// in each version with React 17 or newer.
System.register(["react", "react-router-dom"], (expose) => {
  const PAGE = "/proxy/devworkspace/envs";
  const HEADER = "68px";

  const TEXTS = {
    en: {
      title: "Dev Environments",
      description: "Code in the browser, next to what you work on",
      loading: "Loading…",
      401: "Your session in the console has ended. Reload the page and sign in again.",
      403: "You may not open this page. Ask an administrator of the platform for the role template “Dev Environments”.",
      other: "The dev environments do not answer ({problem}). What runs goes on. Try again in a moment; if that does not help, an administrator finds the cause in the project extension-devworkspace.",
      again: "Try Again",
    },
    zh: {
      title: "云开发环境",
      description: "在浏览器中编写代码，就在应用所在的集群中",
      loading: "加载中…",
      401: "控制台会话已过期。请重新加载页面并再次登录。",
      403: "您无权打开此页面。请联系平台管理员为您的角色添加权限“云开发环境”。",
      other: "云开发环境没有响应（{problem}）。正在运行的云开发环境不受影响。请稍后重试；如果问题仍然存在，管理员可以在项目 extension-devworkspace 中查找原因。",
      again: "重试",
    },
  };

  let React;
  let router;

  // Until somebody chooses a language, the console's own variable is empty, and its cookie or the browser decides.
  function language() {
    const user = (window.globals && window.globals.user) || {};
    const cookie = /(?:^|; )lang=([^;]*)/.exec(document.cookie);
    const wanted = user.lang || (cookie && cookie[1]) || navigator.language || "";
    return /^(zh|tc)/i.test(wanted) ? "zh" : "en";
  }

  // The console is light only.
  function addressOf(workspace) {
    const query = new URLSearchParams({ embed: "1", lang: language(), theme: "light" });
    if (workspace) {
      query.set("ws", workspace);
    }
    return `${PAGE}?${query}`;
  }

  // What stands in the way of the page: nothing, the status of the answer, or no answer. A frame would show it raw.
  function useProblem(address, round) {
    const [problem, setProblem] = React.useState();
    React.useEffect(() => {
      let wanted = true;
      const tell = (found) => wanted && setProblem(found);
      setProblem(undefined);
      fetch(address, { method: "HEAD" }).then(
        (answer) => tell(answer.ok ? "" : String(answer.status)),
        (error) => tell(error.message),
      );
      return () => {
        wanted = false;
      };
    }, [address, round]);
    return problem;
  }

  function Page() {
    const { workspace } = router.useParams();
    const [round, setRound] = React.useState(0);
    const address = addressOf(workspace);
    const problem = useProblem(address, round);
    const texts = TEXTS[language()];
    if (problem === "") {
      const style = { display: "block", width: "100%", height: `calc(100vh - ${HEADER})`, border: 0 };
      return React.createElement("iframe", { src: address, title: texts.title, style });
    }
    const text = problem === undefined ? texts.loading : texts[problem] || texts.other.replace("{problem}", problem);
    const retry = React.createElement(
      "button",
      { type: "button", onClick: () => setRound(round + 1), style: { marginLeft: 12 } },
      texts.again,
    );
    const role = problem === undefined ? "status" : "alert";
    return React.createElement("p", { role, style: { padding: 20 } }, text, problem !== undefined && retry);
  }

  function localeOf(texts) {
    return { "DEVWORKSPACE.TITLE": texts.title, "DEVWORKSPACE.DESC": texts.description };
  }

  return {
    setters: [
      (found) => {
        React = found.default || found;
      },
      (found) => {
        router = found.useParams ? found : found.default;
      },
    ],
    execute() {
      const element = React.createElement(Page);
      const title = { title: "DEVWORKSPACE.TITLE", icon: "terminal" };
      expose("default", {
        routes: [
          { path: "/devworkspace", element },
          { path: "/workspaces/:workspace/devworkspaces", parentRoute: "/workspaces/:workspace", element },
        ],
        menus: [
          {
            ...title,
            parent: "global",
            name: "devworkspace",
            link: "/devworkspace",
            desc: "DEVWORKSPACE.DESC",
            order: 0,
            authKey: "devworkspace",
            authAction: "view",
          },
          { ...title, parent: "workspace", name: "devworkspaces", order: 3, skipAuth: true },
        ],
        locales: { en: localeOf(TEXTS.en), zh: localeOf(TEXTS.zh) },
      });
    },
  };
});
