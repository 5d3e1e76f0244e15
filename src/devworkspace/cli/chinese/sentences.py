"""Chinese for what the installer tells and asks, and for what commands refuse."""

from typing import Final

SENTENCES: Final = {
    # The course of an installation.
    "{step}: failed after {seconds:.0f} s; the log is {log}": "{step}：{seconds:.0f} 秒后失败；日志见 {log}",
    "done in {seconds:.1f} s": "完成，用时 {seconds:.1f} 秒",
    "Installing DevWorkspace into {target}. Everything is logged to {log}": (
        "正在安装 DevWorkspace（{target}）。全部日志写入 {log}"
    ),
    "the embedded Kubernetes on this machine": "本机内置的 Kubernetes",
    "context {context!r}: Kubernetes {version}, {nodes} node(s)": (
        "上下文 {context!r}：Kubernetes {version}，{nodes} 个节点"
    ),
    "Checking this machine and installing packages": "检查本机并安装软件包",
    "installing {names}": "正在安装 {names}",
    "no Go compiler of version 1.26 or newer here; fetching the pinned one": (
        "本机没有 1.26 或更新版本的 Go 编译器；正在下载指定的版本"
    ),
    "Building the embedded Kubernetes (about 6 minutes the first time)": "构建内置的 Kubernetes（首次约 6 分钟）",
    "Building Kubernetes and the images, side by side (several minutes the first time)": (
        "同时构建 Kubernetes 和镜像（首次需要数分钟）"
    ),
    "images: see {log}": "镜像：见 {log}",
    "Starting the cluster": "启动集群",
    "Loading the images into the cluster": "将镜像载入集群",
    "loading {names}": "正在载入 {names}",
    "This will add to {target}:\n"
    "  - two CustomResourceDefinitions (devworkspace.kubesphere.io)\n"
    "  - ValidatingAdmissionPolicies about environments, their pods and volumes, and templates in use\n"
    "  - namespace {namespace} with an operator and a server, and their ClusterRoles\n"
    "  - example templates, and one example environment in namespace default\n"
    "Its nodes must be able to get the images {prefix}/<name>:0.1.0 (README.md tells how to build and push them).": (
        "将在此集群中添加（{target}）：\n"
        "  - 两个 CustomResourceDefinition（devworkspace.kubesphere.io）\n"
        "  - 针对云开发环境、其容器组和存储卷以及使用中的环境模板的 ValidatingAdmissionPolicy\n"
        "  - 命名空间 {namespace}，包含控制器、服务器及其 ClusterRole\n"
        "  - 示例环境模板，以及命名空间 default 中的一个示例云开发环境\n"
        "集群的节点必须能够获取镜像 {prefix}/<name>:0.1.0（构建和推送方法见 README_zh.md）。"
    ),
    "It does so as two Helm releases, and takes over what kubectl put there before.": (
        "以两个 Helm release 的形式安装，并接管此前由 kubectl 安装的对象。"
    ),
    "Go on?": "是否继续？",
    "Finding Helm, or building it (about 4 minutes the first time)": "查找 Helm，没有则构建（首次约 4 分钟）",
    "{program} is not used: its version is {version}, and 4, or 3.17 and newer, is needed": (
        "不使用 {program}：其版本为 {version}，需要 4，或 3.17 及更新的版本"
    ),
    "unknown": "未知",
    "the Helm release {name} failed the last time; going on with it": "Helm release {name} 上次失败；将继续处理",
    "{name} of the release was {before}, and is now {now}": "release 中的 {name} 原为 {before}，现改为 {now}",
    "Installing the API (CustomResourceDefinitions) and rights": "安装 API（CustomResourceDefinition）和权限",
    "this Kubernetes is older than 1.30: admission policies are left out (docs/SECURITY.md)": (
        "此 Kubernetes 版本低于 1.30：不安装准入策略（docs/SECURITY.md）"
    ),
    "Starting operator and server": "启动控制器和服务器",
    "Publishing the example templates": "发布示例环境模板",
    "Opening the example environment and waiting for its editor": "打开示例云开发环境并等待编辑器就绪",
    "{name} was stopped by its owner and stays so": "{name} 已由其所有者停止，保持不变",
    "not seen by the operator yet": "控制器尚未处理",
    "\nDevWorkspace is ready after {seconds:.0f} s.\n": "\nDevWorkspace 已就绪，用时 {seconds:.0f} 秒。\n",
    "  Reach it with: {command}": "  连接命令：{command}",
    "  Address:   {address}": "  地址：{address}",
    "  Account:   {account}": "  账户：{account}",
    "  Password:  {password}": "  密码：{password}",
    "(made by another checkout; ./install.sh --reset-password makes a new one)": (
        "（由其他代码目录设置；使用 ./install.sh --reset-password 生成新密码）"
    ),
    "\nNext:\n"
    "  1. Sign in at {address}/ and open the environment {name!r}.\n"
    "  2. Stop it:  {stop}\n"
    "  3. List the templates:  {templates}   (docs/CRD_SPEC.md tells how to make an environment)\n": (
        "\n接下来：\n"
        "  1. 在 {address}/ 登录，打开云开发环境 {name!r}。\n"
        "  2. 停止它：  {stop}\n"
        "  3. 列出环境模板：  {templates}   （创建方法见 docs/CRD_SPEC.md）\n"
    ),
    "Go on with Helm (docs/HELM.md): {command}\n": "之后可使用 Helm（docs/HELM.md）：{command}\n",
    # A removal.
    "Remove DevWorkspace from {target}, INCLUDING all environments, templates and volumes?": (
        "移除 DevWorkspace（{target}），并删除所有云开发环境、环境模板和存储卷？"
    ),
    "Remove DevWorkspace from {target}, keeping environments and volumes?": (
        "移除 DevWorkspace（{target}），保留云开发环境和存储卷？"
    ),
    "Stopping the embedded cluster": "停止内置集群",
    "there is none": "没有内置集群",
    "Removing the Helm releases (building Helm takes about 4 minutes, where it is not there)": (
        "移除 Helm release（没有 Helm 时需要约 4 分钟构建）"
    ),
    "Removing operator, server and rights": "移除控制器、服务器和权限",
    "Removing environments and data": "移除云开发环境和数据",
    "Stopping the pods of environments": "停止云开发环境的容器组",
    "Removed. ./install.sh brings it back.": "已移除。可用 ./install.sh 重新安装。",
    "Removed. ./install.sh brings it back, with its data.": "已移除。可用 ./install.sh 重新安装，数据会恢复。",
    # Passwords.
    "Password": "密码",
    "the password is empty; type one, or send it as a line to standard input": (
        "密码为空；请输入密码，或将其作为一行写入标准输入"
    ),
    "the administrator's password is the value admin.passwordHash of the Helm release {release}; change it "
    "there (docs/HELM.md)": (
        "管理员密码是 Helm release {release} 的值 admin.passwordHash；请在那里修改（docs/HELM.md）"
    ),
    # Refusals.
    "DevWorkspace is in this cluster as the Helm release {name}, and kubectl would change it behind Helm's "
    "back; nothing was changed. Go on with Helm by --helm, or remove the releases first, which leaves "
    "environments and volumes: {command}": (
        "此集群中的 DevWorkspace 是 Helm release {name}，kubectl 会绕过 Helm 更改它；未做任何更改。"
        "请添加 --helm 继续使用 Helm，或先移除这些 release（云开发环境和存储卷会保留）：{command}"
    ),
    "DevWorkspace is in this cluster as the Helm release {name} in namespace {namespace}, which is not this "
    "installer's; nothing was changed. Upgrade it the way that it was installed, or remove it first, which "
    "leaves environments and volumes: {command}": (
        "此集群中的 DevWorkspace 是命名空间 {namespace} 中的 Helm release {name}，不由此安装程序管理；未做任何更改。"
        "请用原来的安装方式升级，或先移除它（云开发环境和存储卷会保留）：{command}"
    ),
    "the Helm release {name} is {status}: another helm is at work, or one was interrupted; wait for it, or end "
    "that state, which leaves environments and volumes, and repeat ./install.sh: {command}": (
        "Helm release {name} 的状态为 {status}：另一个 helm 正在运行，或曾被中断；请等待其完成，或结束该状态"
        "（云开发环境和存储卷会保留）后重新运行 ./install.sh：{command}"
    ),
    "{error}\nEnvironments run on. Mend the cause and repeat ./install.sh; what became of the release: {command}": (
        "{error}\n云开发环境继续运行。请排除原因后重新运行 ./install.sh；release 的历史：{command}"
    ),
    "the embedded cluster needs root (network namespaces, mounts, containerd): run it with sudo, "
    "or point KUBECONFIG to a cluster of your own": (
        "内置集群需要 root 权限（网络命名空间、挂载、containerd）：请使用 sudo 运行，或将 KUBECONFIG 指向您自己的集群"
    ),
    "port {port} of {address} cannot be used: {error}; "
    "stop what listens there (ss -ltnp shows it), or choose another with --port": (
        "无法使用 {address} 的端口 {port}：{error}；请停止占用该端口的程序（用 ss -ltnp 查看），"
        "或用 --port 指定其他端口"
    ),
    "these programs are missing: {programs}; this machine has no apt-get (the embedded cluster is "
    "made for Debian and Ubuntu): install them by hand, or point KUBECONFIG to a cluster of your own": (
        "缺少以下程序：{programs}；本机没有 apt-get（内置集群适用于 Debian 和 Ubuntu）：请手动安装，"
        "或将 KUBECONFIG 指向您自己的集群"
    ),
    "the embedded cluster is not built yet; run ./install.sh or `make cluster` first": (
        "内置集群尚未构建；请先运行 ./install.sh 或 `make cluster`"
    ),
    "no checkout of DevWorkspace found (looked for {marker} from {folder} upwards); "
    "run this from the folder that holds install.sh": (
        "找不到 DevWorkspace 的代码目录（从 {folder} 向上查找 {marker}）；请在 install.sh 所在的目录中运行"
    ),
    "KUBECONFIG={files} names no file; correct it, or unset it (or pass --embedded) to use the embedded cluster": (
        "KUBECONFIG={files} 指定的文件不存在；请更正，或取消设置（或添加 --embedded）以使用内置集群"
    ),
    "{files} names a cluster, but there is no kubectl in PATH; install kubectl, or unset KUBECONFIG "
    "(or pass --embedded) to use the embedded cluster": (
        "{files} 指定了集群，但 PATH 中没有 kubectl；请安装 kubectl，或取消设置 KUBECONFIG（或添加 --embedded）"
        "以使用内置集群"
    ),
    "the cluster of KUBECONFIG={files} does not answer: {error}\n"
    "Correct it, or unset KUBECONFIG (or pass --embedded) to use the embedded cluster": (
        "KUBECONFIG={files} 指定的集群没有响应：{error}\n"
        "请更正，或取消设置 KUBECONFIG（或添加 --embedded）以使用内置集群"
    ),
    "environment {namespace}/{instance} is not running after {seconds} s. It says: {message}\n"
    "Look at: kubectl describe workspaceinstance {instance} --namespace {namespace}": (
        "环境 {namespace}/{instance} 在 {seconds} 秒内未能运行。其状态为：{message}\n"
        "请查看：kubectl describe workspaceinstance {instance} --namespace {namespace}"
    ),
    "cannot run {program}: {error}": "无法运行 {program}：{error}",
    "{program} gave no answer within {seconds:.0f} s": "{program} 在 {seconds:.0f} 秒内没有响应",
    "{program} ended with exit code {code}:\n{said}": "{program} 以退出码 {code} 结束：\n{said}",
    "(it said nothing)": "（没有输出）",
    "{file} holds fewer than {least} bytes": "{file} 不足 {least} 字节",
    "--oidc-issuer needs --oidc-client-dir, with the client's id and secret.": (
        "--oidc-issuer 需要 --oidc-client-dir，其中包含客户端的 ID 和密钥。"
    ),
    "prices need a currency: add --currency, as in --currency=CNY": (
        "价格需要货币：请添加 --currency，例如 --currency=CNY"
    ),
    "--currency={code!r} is no ISO 4217 code; it has three capital letters, as CNY": (
        "--currency={code!r} 不是 ISO 4217 代码；应为三个大写字母，例如 CNY"
    ),
    "{error}; write it like 10.0.0.0/8 or fd00::/8": "{error}；请写成 10.0.0.0/8 或 fd00::/8 的形式",
    "--follow and --previous exclude each other: the previous run prints no more": (
        "--follow 与 --previous 不能同时使用：上一次运行不会再有输出"
    ),
    "{value!r} is not a duration: expected hours, minutes and seconds, as in 1h30m or 90s": (
        "{value!r} 不是时长：应由小时、分钟和秒组成，例如 1h30m 或 90s"
    ),
    (
        "an environment cannot be called {value!r}: at most 63 lower-case letters, digits and hyphens, a letter "
        "first and no hyphen last, because the name becomes part of an address"
    ): (
        "环境不能命名为 {value!r}：名称最多 63 个字符，只能包含小写字母、数字和连字符，"
        "以字母开头，不能以连字符结尾，因为名称会成为访问地址的一部分"
    ),
    "{value!r} is not NAME=VALUE": "{value!r} 不是 NAME=VALUE 的形式",
    "{text!r} is neither PORT nor LOCAL:REMOTE, e.g. 8080:3000": (
        "{text!r} 既不是 PORT 也不是 LOCAL:REMOTE，例如 8080:3000"
    ),
}
