"""Chinese for the help texts of the processes that an installation runs: operator and server."""

from typing import Final

SERVER: Final = {
    # Both.
    "Environments at <id>.HOST, which needs a wildcard name, or at HOST/w/<namespace>/<name>/, less isolated and for "
    "their owners only.": (
        "云开发环境的地址：<id>.HOST（需要泛域名），或 HOST/w/<namespace>/<name>/（隔离较弱，仅所有者可用）。"
    ),
    "Environments at <id>.HOST, which needs a wildcard name, or at HOST/w/<namespace>/<name>/, less isolated and for "
    "their owners only. Default: as before, or subdomain.": (
        "云开发环境的地址：<id>.HOST（需要泛域名），或 HOST/w/<namespace>/<name>/（隔离较弱，仅所有者可用）。"
        "默认：沿用之前的值，首次为 subdomain。"
    ),
    "Default: KUBECONFIG, then the pod.": "默认：KUBECONFIG，其次为容器组自身的凭据。",
    "Lines for people or machines.": "日志格式：供人阅读（console）或供程序处理（json）。",
    "Log details of every decision and request.": "记录每个决定和请求的细节。",
    # operator
    "Turn WorkspaceInstances into pods, volumes and services, and keep their status true.": (
        "将 WorkspaceInstance 变为容器组、存储卷和服务，并保持其状态准确。"
    ),
    "File with at least 32 random bytes; the server needs the same.": (
        "至少含 32 个随机字节的文件；服务器需要使用同一文件。"
    ),
    "Where people reach the gateway, e.g. http://localhost:8080. Default: no gateway.": (
        "用户访问网关的地址，例如 http://localhost:8080。默认：没有网关。"
    ),
    "Namespace of the server.": "服务器所在的命名空间。",
    "Environments do not reach this network (CIDR); may be repeated. Default: link-local.": (
        "云开发环境不能访问的网络（CIDR），可重复使用。默认：链路本地地址。"
    ),
    "Address of /metrics, /healthz and /readyz.": "/metrics、/healthz 和 /readyz 的地址。",
    "Port of /metrics, /healthz and /readyz.": "/metrics、/healthz 和 /readyz 的端口。",
    "Instances that are reconciled at the same time.": "同时处理的实例数。",
    "Requests a second to the API server on average, 0: no limit. Watches and the Lease are not counted.": (
        "平均每秒向 API 服务器发送的请求数，0 表示不限。watch 和 Lease 不计入。"
    ),
    "Requests that may go at once after a pause.": "空闲之后可以一次发送的请求数。",
    "How often every environment is looked at again, even if nothing happened.": (
        "即使没有变化，也重新检查所有云开发环境的间隔（秒）。"
    ),
    "Namespace of the Lease that decides which operator works.": "决定由哪个控制器工作的 Lease 所在的命名空间。",
    "Name of that Lease.": "该 Lease 的名称。",
    "Name of this process in the Lease. Default: POD_NAME and POD_UID, outside a pod one for each start.": (
        "此进程在 Lease 中的名称。默认：POD_NAME 和 POD_UID；不在容器组中时，每次启动生成一个。"
    ),
    "Image with an editor that is known to work, for a safe start. Default, or empty: none is offered.": (
        "用于安全模式启动的镜像，其编辑器确认可用。默认或为空：不提供安全模式启动。"
    ),
    # server
    "Whether a safe start is offered; the operator's --safe-image says of which image.": (
        "是否提供安全模式启动；所用镜像由控制器的 --safe-image 指定。"
    ),
    "Serve the sign-in page, the list of environments, and the way to every editor.": (
        "提供登录页面、云开发环境列表，以及通往所有编辑器的网关。"
    ),
    "What people type; see also --address-mode.": "用户在浏览器中输入的地址；另见 --address-mode。",
    "File with at least 32 random bytes; the operator needs the same.": (
        "至少含 32 个随机字节的文件；控制器需要使用同一文件。"
    ),
    "Directory with `username` and `password-hash` (argon2) of the administrator. Without it: no local account.": (
        "含管理员 `username` 和 `password-hash`（argon2）的目录。不指定则没有本地账户。"
    ),
    "Leave the local account out, also with --admin-dir.": "不使用本地账户，即使指定了 --admin-dir。",
    "Port of /metrics and the probes.": "/metrics 和探针的端口。",
    "Namespace of the object that tells all replicas whose sessions have ended.": (
        "向所有副本通告哪些会话已终止的对象所在的命名空间。"
    ),
    "What the tokens of programs must be made for; empty: the API server's own tokens.": (
        "程序所用令牌必须具有的受众（audience）；为空时使用 API 服务器自身的令牌。"
    ),
    "Networks, separated by commas, whose X-Forwarded-For is believed, as 10.0.0.0/8. Default: nobody's.": (
        "信任其 X-Forwarded-For 的网络，以逗号分隔，例如 10.0.0.0/8。默认：都不信任。"
    ),
    "How many servers share the work; each grants its share of the limits.": (
        "分担工作的服务器数量；各项限额由它们平分。"
    ),
    "What stands before /<name>:<version> of the images of the starter templates.": (
        "初始环境模板的镜像名称中 /<name>:<version> 之前的部分。"
    ),
    # server: OpenID Connect
    "Address of an OpenID Connect provider, as it calls itself. None: no provider.": (
        "OpenID Connect 提供方的地址，与其自身声明的一致。不指定则没有提供方。"
    ),
    "Directory with `client-id` and `client-secret`, a mounted Secret; needed with --oidc-issuer.": (
        "含 `client-id` 和 `client-secret` 的目录（挂载的 Secret）；与 --oidc-issuer 一起使用时必填。"
    ),
    "What the button calls it.": "登录按钮上显示的名称。",
    "What it is asked for, separated by blanks.": "请求的 scope，以空格分隔。",
    "Claim that is the user name. Default: preferred_username, or sub where there is none.": (
        "作为用户名的 claim。默认：preferred_username，没有时为 sub。"
    ),
    "Claim with the groups.": "包含用户组的 claim。",
    "Stands before names and groups, so that nobody at the provider can be somebody else here.": (
        "加在用户名和用户组之前的前缀，使提供方的任何人都不能冒充此处的其他人。"
    ),
    "Certificates that the provider is trusted by. Default: those of the system.": (
        "用于信任提供方的证书。默认：系统证书。"
    ),
    "Accept a provider without TLS. Codes and tokens can be read on the way.": (
        "接受没有 TLS 的提供方。授权码和令牌可能在途中被读取。"
    ),
    "It takes each refresh token once (Dex, Okta, Auth0): replicas share the newest one, encrypted.": (
        "提供方的刷新令牌只能使用一次（Dex、Okta、Auth0）：各副本共享最新的令牌（加密）。"
    ),
    # server: KubeSphere
    "Where ks-apiserver answers, such as http://ks-apiserver.kubesphere-system.svc. None: no KubeSphere.": (
        "ks-apiserver 的地址，例如 http://ks-apiserver.kubesphere-system.svc。不指定则不使用 KubeSphere。"
    ),
    "Host of the upstream in the ReverseProxy, by which ks-apiserver calls.": (
        "ReverseProxy 中上游的主机名，ks-apiserver 以此访问。"
    ),
    "Certificates that ks-apiserver is trusted by. Default: those of the system.": (
        "用于信任 ks-apiserver 的证书。默认：系统证书。"
    ),
    # server: limits and prices
    "Requests to the API that a person may send each second on average, 0: no limit.": (
        "每人平均每秒可以向 API 发送的请求数，0 表示不限。"
    ),
    "As many at once.": "一次可以连续发送的数量。",
    "Environments that a person may create, start, stop, restart or delete each second on average, 0: no limit.": (
        "每人平均每秒可以创建、启动、停止、重启或删除的云开发环境数，0 表示不限。"
    ),
    "WebSockets to editors and ports that a person may have open, 0: no limit.": (
        "每人可以同时打开的 WebSocket 连接数（编辑器和端口），0 表示不限。"
    ),
    "ISO 4217 code of the prices, as CNY or EUR. Without it: no money.": (
        "价格的 ISO 4217 货币代码，例如 CNY 或 EUR。不指定则不显示费用。"
    ),
    "An hour of one core.": "每核每小时的价格。",
    "An hour of one GiB of memory.": "每 GiB 内存每小时的价格。",
    "An hour of one GiB of disk.": "每 GiB 磁盘每小时的价格。",
}
