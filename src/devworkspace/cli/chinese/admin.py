"""Chinese for the help texts of the commands that install, remove and prepare."""

from typing import Final

ADMIN: Final = {
    # install
    "Install DevWorkspace and open a first environment. Safe to repeat and to interrupt.": (
        "安装 DevWorkspace 并打开第一个云开发环境。可以安全地重复执行或中断。"
    ),
    "Do not ask before changing a cluster that is not the embedded one.": "更改非内置集群之前不询问。",
    "Use the embedded cluster even if another one is configured.": "即使配置了其他集群，也使用内置集群。",
    "Port on this machine for http://localhost:PORT/. Default: as before, or 8080.": (
        "本机端口，用于 http://localhost:PORT/。默认：沿用之前的值，首次为 8080。"
    ),
    "Where people reach the gateway. Default: as before, or http://localhost:PORT.": (
        "用户访问网关的地址。默认：沿用之前的值，首次为 http://localhost:PORT。"
    ),
    "What stands before /<name>:<version>. Default: as before, or localhost/devworkspace.": (
        "镜像名称中 /<name>:<version> 之前的部分。默认：沿用之前的值，首次为 localhost/devworkspace。"
    ),
    "One works, the others stand by. Default: as before, or 1 on the embedded cluster and 2 elsewhere.": (
        "控制器的副本数：一个工作，其余待命。默认：沿用之前的值，首次在内置集群上为 1，在其他集群上为 2。"
    ),
    "All of them serve. Default: as before, or 1 on the embedded cluster and 2 elsewhere.": (
        "服务器的副本数，全部提供服务。默认：沿用之前的值，首次在内置集群上为 1，在其他集群上为 2。"
    ),
    "What environments do not reach; may be repeated. Default: as before, or the cluster's own networks.": (
        "云开发环境不能访问的网络，可重复使用。默认：沿用之前的值，首次为集群自身的网络。"
    ),
    "Option for `devworkspace server`, such as --oidc-issuer=…; may be repeated. Default: as before; '' for none.": (
        "传给 `devworkspace server` 的选项，例如 --oidc-issuer=…；可重复使用。默认：沿用之前的值；'' 表示没有。"
    ),
    "Install the charts as Helm releases, or deploy/ with kubectl. Default: as before, or with kubectl.": (
        "将 chart 作为 Helm release 安装，或用 kubectl 应用 deploy/。默认：沿用之前的方式，首次使用 kubectl。"
    ),
    "Name of the embedded cluster.": "内置集群的名称。",
    "State of the embedded cluster. Default: .local/cluster.": "内置集群的状态目录。默认：.local/cluster。",
    "Let the embedded API server log every request (for tests).": "让内置集群的 API 服务器记录所有请求（用于测试）。",
    "Make a new password for the administrator.": "为管理员生成新密码。",
    # uninstall
    "Remove DevWorkspace; environments, templates and volumes stay unless --delete-data.": (
        "移除 DevWorkspace；除非指定 --delete-data，云开发环境、环境模板和存储卷会保留。"
    ),
    "Remove the embedded cluster even if another one is configured.": "即使配置了其他集群，也移除内置集群。",
    "Also delete environments, templates and all volumes. Not reversible.": (
        "同时删除云开发环境、环境模板和所有存储卷。无法撤销。"
    ),
    "Also delete the builds that are kept for the next installation.": "同时删除为下次安装保留的构建结果。",
    # cluster
    "Start, stop and inspect the embedded Kubernetes (for evaluation and tests; needs root).": (
        "启动、停止和查看内置的 Kubernetes（用于评估和测试；需要 root 权限）。"
    ),
    "Several clusters can run side by side.": "多个集群可以同时运行。",
    "Default: .local/cluster in the checkout.": "默认：代码目录中的 .local/cluster。",
    "Build the programs of the embedded cluster where their sources changed.": (
        "构建内置集群的程序（仅在源代码有变化时）。"
    ),
    "Start the cluster; see `up --help` for ports and paths.": "启动集群；端口和路径见 `up --help`。",
    "Stop it and leave no trace; data stays unless --delete-data.": (
        "停止集群，不留痕迹；除非指定 --delete-data，数据会保留。"
    ),
    "Show its parts and whether they are well.": "显示集群的组件及其状态。",
    "Print the kubeconfig.": "输出 kubeconfig。",
    "Load image archives (docker-archive or OCI) into the node.": "将镜像归档（docker-archive 或 OCI）载入节点。",
    "Run the built-in kubectl against the cluster.": "对集群运行内置的 kubectl。",
    # hash-password
    "Print what a cluster keeps of a password: its argon2 hash. Asks for it, or reads a line of standard input.": (
        "输出集群中保存的密码形式，即 argon2 哈希。密码通过询问获得，或从标准输入读取一行。"
    ),
}
