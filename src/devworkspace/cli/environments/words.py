"""What these commands say, in English and Chinese."""

from typing import Final

from devworkspace.cli.language import choose

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "age.unknown": ("unknown", "未知"),
    "created": ("Environment {name} is created.", "环境 {name} 已创建。"),
    "would-create": ("Environment {name} would be created.", "环境 {name} 可以创建。"),
    "ref-without-git": (
        "--git-ref is a branch or tag of a repository: name that one with --git as well.",
        "--git-ref 是代码仓库的分支或标签：请同时用 --git 指定代码仓库。",
    ),
    "started": ("Environment {name} is starting.", "环境 {name} 正在启动。"),
    "started.safe": ("Environment {name} is starting in safe mode.", "环境 {name} 正在以安全模式启动。"),
    "stopped": (
        "Environment {name} is stopping; its disk is kept.",
        "环境 {name} 正在停止，磁盘会保留。",
    ),
    "restarted": ("Environment {name} is restarting.", "环境 {name} 正在重启。"),
    "running": ("Environment {name} runs: {url}", "环境 {name} 正在运行：{url}"),
    "running.safe": (
        "Environment {name} runs in safe mode, without its template's image and settings: {url}",
        "环境 {name} 正在安全模式下运行，未使用环境模板的镜像和设置：{url}",
    ),
    "no-safe-start": (
        "Environment {name} was started as usual: this installation offers no safe start (--safe-image of the "
        "operator). Ask an admin.",
        "环境 {name} 已按常规方式启动：此安装未提供安全模式（控制器的 --safe-image）。请联系管理员。",
    ),
    "no-second-start": (
        "Environment {name} runs, and could not start again: {message} It goes on as it is.",
        "环境 {name} 正在运行，但停止后将无法再次启动：{message} 环境将继续运行。",
    ),
    "opening": ("Opening {url}", "正在打开 {url}"),
    "deleted": ("Environment {name} is being deleted.", "环境 {name} 正在删除。"),
    "delete.keep": (
        "Delete environment {name}? Its disk {volume} is kept.",
        "删除环境 {name}？其磁盘 {volume} 会保留。",
    ),
    "delete.data": (
        "Delete environment {name} AND ITS DISK {volume} with all files on it? This cannot be undone.",
        "删除环境 {name} 以及其磁盘 {volume} 上的所有文件？此操作无法撤销。",
    ),
    "purge": (
        "Delete disk {volume} of {owner} with all files on it? This cannot be undone.",
        "删除 {owner} 的磁盘 {volume} 及其所有文件？此操作无法撤销。",
    ),
    "purged": ("Disk {volume} is being deleted.", "磁盘 {volume} 正在删除。"),
    "successor.Missing": ("{name} (does not exist)", "{name}（不存在）"),
    "successor.Hidden": ("{name} (hidden)", "{name}（已隐藏）"),
    "successor.Circular": ("{name} (a circle)", "{name}（循环引用）"),
    "empty": ("There is nothing here.", "没有内容。"),
    "none": ("(none)", "（无）"),
    "nobody": ("nobody", "无主"),
    "no-kind": (
        "This cluster does not know environments: DevWorkspace is not installed there, or KUBECONFIG points to "
        "another cluster.",
        "此集群中没有云开发环境：尚未安装 DevWorkspace，或 KUBECONFIG 指向了其他集群。",
    ),
    "absent": (
        "There is no environment {name}; `devworkspace list --all-namespaces` shows all.",
        "环境 {name} 不存在；使用 `devworkspace list --all-namespaces` 查看全部环境。",
    ),
    "absent.volume": (
        "There is no kept disk {name}; `devworkspace volumes` lists them.",
        "没有名为 {name} 的保留磁盘；使用 `devworkspace volumes` 查看列表。",
    ),
    "volume.in-use": (
        "Disk {name} belongs to an environment that exists; delete that one instead.",
        "磁盘 {name} 属于现有环境；请删除该环境。",
    ),
    "no-pod": (
        "Environment {name} has no pod now ({phase}), so there is no output. Start it first.",
        "环境 {name} 目前没有容器组（{phase}），没有日志。请先启动。",
    ),
    "logs.again": ("--- {name}: the container was started again ---", "--- {name}：容器已重新启动 ---"),
    "logs.waiting": ("--- {name}: waiting for its container ---", "--- {name}：正在等待容器启动 ---"),
    "logs.end": ("--- {name} is stopped ---", "--- {name} 已停止 ---"),
    "volume.no-template": (
        "Disk {volume} does not say which template its environment was made from. Name one with --template, see "
        "`devworkspace templates`.",
        "磁盘 {volume} 没有记录其环境使用的模板。请用 --template 指定一个模板，使用 `devworkspace templates` "
        "查看列表。",
    ),
    "volume.no-name": (
        "Disk {volume} does not say what its environment was called. Name the new one: devworkspace adopt {volume} "
        "NAME",
        "磁盘 {volume} 没有记录其环境的名称。请指定新环境的名称：devworkspace adopt {volume} NAME",
    ),
    "not-running": (
        "Environment {name} does not run after {seconds} s. {phase}: {message}",
        "环境 {name} 在 {seconds} 秒内未能运行。{phase}：{message}",
    ),
    "failed": ("Environment {name} failed: {message}", "环境 {name} 失败：{message}"),
    "unseen": ("not seen by the operator yet", "控制器尚未处理"),
    "no-consent": (
        "The operator has not taken note of the wish to delete the disk within {seconds} s, so nothing was deleted. "
        "Ask an admin whether the operator runs, and try again.",
        "控制器在 {seconds} 秒内未确认删除磁盘的请求，因此没有删除任何内容。请联系管理员确认控制器是否运行，然后重试。",
    ),
    "no-url": (
        "Environment {name} has no address: the installation has no server in front of its editors.",
        "环境 {name} 没有访问地址：此安装没有网关。",
    ),
    "bad-url": (
        "Environment {name} says that it is at {url}, which is no address of a web page; ask an admin who has written "
        "its status.",
        "环境 {name} 的访问地址 {url} 不是网页地址；请联系管理员确认是谁修改了其状态。",
    ),
}


def say(key: str, **values: object) -> str:
    """The sentence in the person's language."""
    return choose(_WORDS[key]).format(**values)
