"""What the commands for ssh and ports say, in English and Chinese."""

from typing import Final

from devworkspace.cli.language import choose

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "host": (
        "{host!r} names no environment: write NAME.devworkspace or NAME.NAMESPACE.devworkspace.",
        "{host!r} 不是云开发环境的名称：请使用 NAME.devworkspace 或 NAME.NAMESPACE.devworkspace。",
    ),
    "namespace": (
        "It is not known in which namespace {name} is: add --namespace, or set KUBECONFIG.",
        "无法确定 {name} 所在的命名空间：请添加 --namespace，或设置 KUBECONFIG。",
    ),
    "server": (
        "No server is named: set DEVWORKSPACE_URL, or add --server, to the address at which you sign in. What the "
        "cluster says of it does not count: your token would go to whoever may write that.",
        "未指定服务器：请将 DEVWORKSPACE_URL 设置为您登录时使用的地址，或添加 --server。集群中记录的地址不会被采用，"
        "否则能够修改该记录的人将获得您的令牌。",
    ),
    "plain": (
        "{server} is plain http, so that the token could be read on the way; use https, or an address of localhost.",
        "{server} 使用未加密的 http，令牌可能被窃取；请使用 https 或 localhost 地址。",
    ),
    "no-token": (
        "There is no token to sign in with: the kubeconfig has none. Set DEVWORKSPACE_TOKEN, e.g. to the output of "
        "`kubectl create token SERVICEACCOUNT --audience=devworkspace`, or add --token-file.",
        "没有可用于登录的令牌：kubeconfig 中没有令牌。请设置 DEVWORKSPACE_TOKEN（例如 "
        "`kubectl create token SERVICEACCOUNT --audience=devworkspace` 的输出），或添加 --token-file。",
    ),
    "token": (
        "{server} does not accept the token: it has expired, or is not made for this server. Make one by "
        "`kubectl create token SERVICEACCOUNT --audience=devworkspace`, and set DEVWORKSPACE_TOKEN or --token-file.",
        "{server} 不接受该令牌：令牌已过期，或不是为此服务器签发的。请用 "
        "`kubectl create token SERVICEACCOUNT --audience=devworkspace` 创建令牌，"
        "并设置 DEVWORKSPACE_TOKEN 或 --token-file。",
    ),
    "absent": (
        "There is no environment {name} at {server}, or it is not shared with you.",
        "{server} 上没有环境 {name}，或该环境未与您共享。",
    ),
    "stopped": (
        "Environment {name} is stopped. `devworkspace start {short}` starts it, and so does --start.",
        "环境 {name} 已停止。可使用 `devworkspace start {short}` 启动，或添加 --start。",
    ),
    "failed": ("Environment {name} has failed: {message}", "环境 {name} 失败：{message}"),
    "not-running": (
        "Environment {name} does not run after {seconds} s. {phase}: {message}",
        "环境 {name} 在 {seconds} 秒内未能运行。{phase}：{message}",
    ),
    "no-ssh": (
        "The image of environment {name} has no ssh. Use an image that stands on one of DevWorkspace's own, as new as "
        "the server, and restart the environment.",
        "环境 {name} 的镜像不支持 ssh。请使用基于 DevWorkspace 镜像（与服务器版本一致）构建的镜像，然后重启环境。",
    ),
    "limit": (
        "You have as many connections open as a person may have; close some of them.",
        "您打开的连接数已达上限；请关闭一些连接。",
    ),
    "answer": (
        "{server} answered {status} to the request for environment {name}; try again, and ask an admin if it stays so.",
        "{server} 对环境 {name} 的请求返回 {status}；请重试，如仍失败请联系管理员。",
    ),
    "no-start": (
        "Environment {name} cannot be started: {detail}",
        "环境 {name} 无法启动：{detail}",
    ),
    "unreachable": (
        "{server} cannot be reached: {error}",
        "无法连接 {server}：{error}",
    ),
    "ended": ("The connection to environment {name} was ended: {reason}", "与环境 {name} 的连接已断开：{reason}"),
    "broken-off": ("it broke off; connect again.", "连接中断；请重新连接。"),
    "gone": ("the environment has stopped, or is gone.", "环境已停止或已删除。"),
    "no-access": (
        "your access has ended; ask its owner or an admin.",
        "您的访问权限已终止；请联系环境所有者或管理员。",
    ),
    "no-sshd": ("sshd does not start there; restart the environment.", "环境中的 sshd 无法启动；请重启环境。"),
    "restarts": ("the server restarts; connect again.", "服务器正在重启；请重新连接。"),
    "no-client": (
        "There is no program {program}: install the OpenSSH client.",
        "找不到程序 {program}：请安装 OpenSSH 客户端。",
    ),
    "forwarding": ("127.0.0.1:{local} -> {name} port {remote}", "127.0.0.1:{local} -> {name} 端口 {remote}"),
    "configured": (
        "{file} now knows *.devworkspace: `ssh NAME.NAMESPACE.devworkspace`; `ssh NAME.devworkspace` is in "
        "{namespace}.",
        "{file} 已配置 *.devworkspace：可使用 `ssh NAME.NAMESPACE.devworkspace`；"
        "`ssh NAME.devworkspace` 指 {namespace} 中的环境。",
    ),
    "configured.anywhere": (
        "{file} now knows *.devworkspace: `ssh NAME.NAMESPACE.devworkspace`.",
        "{file} 已配置 *.devworkspace：可使用 `ssh NAME.NAMESPACE.devworkspace`。",
    ),
    "removed": ("{file} knows *.devworkspace no more.", "{file} 中的 *.devworkspace 配置已移除。"),
    "unchanged": ("{file} stays as it is.", "{file} 无需更改。"),
    "broken": (
        "{file} has only one of the two lines that mark our part (line {line}); remove that line and what belongs to "
        "it, and try again.",
        "{file} 中标记本工具配置的两行只剩一行（第 {line} 行）；请删除该行及其相关内容后重试。",
    ),
}


def tell(key: str, **values: object) -> str:
    """The sentence in the person's language."""
    return choose(_WORDS[key]).format(**values)
