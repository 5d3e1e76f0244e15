"""Chinese for the help texts of the commands for developers."""

from typing import Final

DEVELOPER: Final = {
    "Development environments in the browser, on your own Kubernetes.": (
        "在您自己的 Kubernetes 上，通过浏览器使用云开发环境。"
    ),
    # Several commands have these.
    "Default: the namespace of the kubeconfig's context.": "默认：kubeconfig 上下文的命名空间。",
    "Do not ask.": "不询问。",
    "Wait until the editor answers (default).": "等待编辑器就绪（默认）。",
    "Seconds to wait.": "等待的秒数。",
    "Only let the cluster check it.": "只由集群检查，不创建。",
    "A name for people.": "显示名称。",
    # list, describe, templates, events, logs
    "List environments with what each of them says of itself.": "列出云开发环境及其状态说明。",
    "Environments of every namespace that you may read.": "所有您有权读取的命名空间中的云开发环境。",
    "Show everything that one environment says of itself.": "显示一个云开发环境的全部信息。",
    "List the templates that environments can be made from.": "列出可用于创建云开发环境的环境模板。",
    "Show what the cluster told about an environment, its pod and its disk; the newest last.": (
        "显示集群中与云开发环境、其容器组和磁盘有关的事件，最新的在最后。"
    ),
    "Print what the editor's container has printed.": "显示编辑器容器的日志。",
    "Go on, also after the container was started again.": "持续输出，容器重新启动后也继续。",
    "Of the run before the last restart.": "最近一次重启之前的日志。",
    "Last lines.": "最后的行数。",
    "Only what is newer, e.g. 10m or 1h30m.": "只显示此时间以内的内容，例如 10m 或 1h30m。",
    "With the time of each line.": "显示每行的时间。",
    # create, adopt
    "Create an environment and wait until it can be opened.": "创建云开发环境，并等待至可以打开。",
    "See `devworkspace templates`.": "环境模板，见 `devworkspace templates`。",
    "CPU limit, e.g. 2 or 500m; within what the template allows, like the next ones.": (
        "CPU 上限，例如 2 或 500m；此项及以下各项均不得超出环境模板允许的范围。"
    ),
    "Memory limit, e.g. 4Gi.": "内存上限，例如 4Gi。",
    "Size of the disk, e.g. 20Gi.": "磁盘大小，例如 20Gi。",
    "Another image.": "使用其他镜像。",
    "Environment variable; repeatable.": "环境变量，可重复使用。",
    "Git repository to clone into the home, e.g. https://git.example.com/team/demo.git.": (
        "克隆到主目录的 Git 仓库，例如 https://git.example.com/team/demo.git。"
    ),
    "Branch or tag of it to begin with.": "克隆后所在的分支或标签。",
    "User name of the owner. Default: you.": "所有者的用户名。默认：您自己。",
    "Take over a kept disk, see `devworkspace volumes`.": "接管保留的磁盘，见 `devworkspace volumes`。",
    "Do not start it.": "不启动。",
    "Make an environment from DISK, which a deleted one has left; NAME, template and owner are the earlier one's.": (
        "用已删除的云开发环境留下的磁盘 DISK 创建云开发环境；NAME、环境模板和所有者默认沿用原来的。"
    ),
    "Default: the earlier environment's.": "默认：原云开发环境使用的环境模板。",
    "Do not start it; a stopped one takes the disk over when it starts.": "不启动；启动时才接管磁盘。",
    # open, start, stop, restart
    "Open an environment in the browser; one that is stopped is started.": (
        "在浏览器中打开云开发环境；已停止的会先启动。"
    ),
    "Only print the address.": "只输出访问地址。",
    "Start environments and wait until they can be opened.\n\n"
    "With --safe also those that run or have failed, once, on the same disk; `restart` leaves safe mode.": (
        "启动云开发环境，并等待至可以打开。\n\n"
        "指定 --safe 时也包括正在运行或已失败的云开发环境，仅此一次，使用同一磁盘；`restart` 退出安全模式。"
    ),
    "In safe mode: the installation's own editor, without the template's settings.": (
        "以安全模式启动：使用安装自带的编辑器，不使用环境模板的设置。"
    ),
    "Stop environments; their disks are kept.": "停止云开发环境，磁盘会保留。",
    "Start environments anew, with their template as it is now.": "按环境模板的当前内容重启云开发环境。",
    # delete, volumes, purge
    "Delete an environment; its disk is kept unless --data=delete.": (
        "删除云开发环境；除非指定 --data=delete，磁盘会保留。"
    ),
    "What becomes of the disk.": "如何处理磁盘：保留（keep）或删除（delete）。",
    "List the disks that deleted environments have left.": "列出已删除的云开发环境留下的磁盘。",
    "Disks of every namespace that you may read.": "所有您有权读取的命名空间中的磁盘。",
    "Delete a disk that a deleted environment has left, with all files on it.": (
        "删除已删除的云开发环境留下的磁盘及其所有文件。"
    ),
    # ssh, config-ssh, port-forward
    "Open a shell in an environment, or run a command there, by the OpenSSH client.": (
        "通过 OpenSSH 客户端在云开发环境中打开 shell 或执行命令。"
    ),
    "Address of the DevWorkspace server, as you sign in there. Default: DEVWORKSPACE_URL.": (
        "DevWorkspace 服务器的地址，即您登录时使用的地址。默认：DEVWORKSPACE_URL。"
    ),
    "File with the token to sign in with. Default: DEVWORKSPACE_TOKEN, else the kubeconfig's token.": (
        "登录令牌所在的文件。默认：DEVWORKSPACE_TOKEN，其次为 kubeconfig 中的令牌。"
    ),
    "User name in the image.": "镜像中的用户名。",
    "Start the environment if it is stopped.": "如果云开发环境已停止，则启动。",
    "For ProxyCommand: NAME is a host, and only bytes are carried.": (
        "供 ProxyCommand 使用：NAME 为主机名，只传输字节。"
    ),
    "Let every program that uses ssh reach environments as NAME.NAMESPACE.devworkspace.": (
        "使所有使用 ssh 的程序都能以 NAME.NAMESPACE.devworkspace 连接云开发环境。"
    ),
    "The configuration of the OpenSSH client.": "OpenSSH 客户端的配置文件。",
    "Show what would change, and change nothing.": "只显示将要进行的更改，不实际更改。",
    "Take our part out again.": "移除已写入的配置。",
    "Lead ports of this machine's loopback address to what listens in an environment, until it is interrupted.": (
        "将本机回环地址的端口转发到云开发环境中的端口，直至被中断。"
    ),
    # doctor, completion
    "Check an installation and say what to fix.\n\n"
    "Ends with 0 if nothing is wrong, with 1 if something is, and with 3 if something could not be found out.": (
        "检查安装并说明需要修复的内容。\n\n没有问题时退出码为 0，有问题时为 1，有无法确定的项目时为 3。"
    ),
    "Where operator and server are.": "控制器和服务器所在的命名空间。",
    "Where two pods try for some seconds whether NetworkPolicies hold. Default: the former.": (
        "用两个容器组检验网络策略是否生效（数秒）的命名空间。默认：与上一项相同。"
    ),
    "Make no pods, and leave NetworkPolicies untried.": "不创建容器组，不检验网络策略。",
    "Print a script for the shell, e.g. `source <(devworkspace completion bash)`.": (
        "输出 shell 的自动补全脚本，例如 `source <(devworkspace completion bash)`。"
    ),
}
