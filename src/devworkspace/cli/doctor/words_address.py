"""What the doctor says of the way people come: English, Chinese, next step in English, in Chinese."""

from typing import Final

_CERTIFICATE: Final = (
    "Renew the certificate for {host} and *.{host}: the Secret of tls.secretName, or look at what cert-manager says "
    "with "
    "kubectl describe certificate --all-namespaces",
    "请更新 {host} 与 *.{host} 的证书：tls.secretName 所指的 Secret，或用 kubectl describe certificate "
    "--all-namespaces 查看 "
    "cert-manager 的状态",
)
_CLOCKS: Final = (
    "Turn on time synchronisation (chrony, systemd-timesyncd) on the machines.",
    "请在机器上启用时间同步（chrony、systemd-timesyncd）。",
)

ADDRESS: Final[dict[str, tuple[str, ...]]] = {
    "dns.ok": (
        "{host} and the names below it lead to {addresses}.",
        "{host} 及其下的域名解析到 {addresses}。",
    ),
    "dns.one": ("{host} leads to {addresses}.", "{host} 解析到 {addresses}。"),
    "dns.local": (
        "Browsers know {host} and the names below it themselves.",
        "浏览器自行解析 {host} 及其下的域名。",
    ),
    "dns.host": (
        "This machine does not find {host}.",
        "本机无法解析 {host}。",
        "Add records for {host} and *.{host} that lead to the Ingress or the load balancer.",
        "请添加 {host} 与 *.{host} 的解析记录，指向 Ingress 或负载均衡器。",
    ),
    "dns.wildcard": (
        "This machine finds {host}, but no name below it, such as {name}: no environment can be opened.",
        "本机可以解析 {host}，但无法解析其下的域名（例如 {name}）：环境无法打开。",
        'Add a record for *.{host}. Where no wildcard can be had: addressMode path (docs/SERVER.md, "Path mode").',
        "请添加 *.{host} 的解析记录。无法使用泛域名时：addressMode 设为 path（docs/SERVER.md，“Path mode”）。",
    ),
    "dns.elsewhere": (
        "{host} leads to {addresses}, names below it to {below}.",
        "{host} 解析到 {addresses}，其下的域名解析到 {below}。",
        "Unless both are the same load balancer, let *.{host} lead to where {host} leads.",
        "除非两者是同一负载均衡器，否则请让 *.{host} 与 {host} 解析到同一地址。",
    ),
    "certificate.ok": (
        "Valid for {host} and the names below it until {date} ({days} days).",
        "对 {host} 及其下的域名有效，至 {date}（{days} 天）。",
    ),
    "certificate.one": ("Valid for {host} until {date} ({days} days).", "对 {host} 有效，至 {date}（{days} 天）。"),
    "certificate.none": (
        "{host} is this machine's own name, which needs none.",
        "{host} 是本机名称，无需证书。",
    ),
    "certificate.ends-soon": (
        "It ends on {date}, in {days} days, and nobody has renewed it.",
        "证书将于 {date} 到期（{days} 天后），尚未续期。",
        *_CERTIFICATE,
    ),
    "certificate.expired": ("The certificate of {name} has ended.", "{name} 的证书已过期。", *_CERTIFICATE),
    "certificate.name": (
        "The certificate is not for {name}: {message}",
        "证书不适用于 {name}：{message}",
        "Get one for {host} and *.{host}; a wildcard needs an issuer that proves names by DNS (docs/HELM.md).",
        "请申请同时包含 {host} 与 *.{host} 的证书；泛域名证书需要支持 DNS 验证的颁发者（docs/HELM.md）。",
    ),
    "certificate.untrusted": (
        "This machine does not trust the certificate of {name}: {message}",
        "本机不信任 {name} 的证书：{message}",
        "With an authority of your own: add it to this machine's and to people's browsers (here: "
        "SSL_CERT_FILE=ca.pem devworkspace "
        "doctor). Otherwise send the intermediate certificates along.",
        "如使用自有证书机构：请将其加入本机与用户浏览器的信任列表（本命令：SSL_CERT_FILE=ca.pem devworkspace doctor）。"
        "否则请同时提供中间证书。",
    ),
    "certificate.broken": (
        "No TLS at {host}: {message}",
        "{host} 的 TLS 连接失败：{message}",
        "Look at the TLS part of the Ingress or load balancer.",
        "请检查 Ingress 或负载均衡器的 TLS 配置。",
    ),
    "certificate.away": (
        "{host} could not be asked from this machine: {message}",
        "本机无法访问 {host}：{message}",
        "See the public address.",
        "请参考“访问地址”一项。",
    ),
    "server.ok": ("{url} is ready.", "{url} 已就绪。"),
    "server.not-ready": (
        "{url} is not ready: {message}",
        "{url} 未就绪：{message}",
        "kubectl logs --namespace devworkspace-system --selector app.kubernetes.io/component=server",
        "kubectl logs --namespace devworkspace-system --selector app.kubernetes.io/component=server",
    ),
    "server.away": (
        "{url} cannot be reached from this machine: {message}",
        "本机无法访问 {url}：{message}",
        "Look at the Ingress, its class and its address (kubectl get ingress --all-namespaces), and at firewalls in "
        "between.",
        "请检查 Ingress 及其类型与地址（kubectl get ingress --all-namespaces）以及中间的防火墙。",
    ),
    "server.not-forwarded": (
        "{url} does not answer on this machine: {message}",
        "{url} 在本机上无响应：{message}",
        "If you want it here: kubectl port-forward --namespace devworkspace-system service/devworkspace-server "
        "PORT:80, with the "
        "port of that address.",
        "如需在本机访问：kubectl port-forward --namespace devworkspace-system service/devworkspace-server PORT:80，"
        "PORT "
        "为该地址的端口。",
    ),
    "server.foreign": (
        "Something else than the server answers at {url} (status {status}).",
        "{url} 的应答不是来自服务端（状态码 {status}）。",
        "Let the Ingress pass requests for this host on to the Service devworkspace-server unchanged, without a "
        "sign-in of its own "
        "and with the Host that people asked for.",
        "请让 Ingress 将该域名的请求原样转发到 Service devworkspace-server，不附加自己的登录，并保留原始 Host。",
    ),
    "server.no-part": (
        "There is no server, so that there is no public address.",
        "没有服务端，因此没有访问地址。",
        "See the parts.",
        "请参考“组件”一项。",
    ),
    "server.bad-address": (
        "The server's public address cannot work: {message}",
        "服务端的访问地址无效：{message}",
        "Install with another --public-url, or set publicUrl of the chart.",
        "请用其他 --public-url 重新安装，或修改 Helm 的 publicUrl。",
    ),
    "clocks.ok": (
        "This machine, the API server and the server agree within {seconds} s.",
        "本机、API 服务器与服务端的时钟相差不超过 {seconds} 秒。",
    ),
    "clocks.server": (
        "The server's clock differs from the API server's by {seconds} s: sessions and single sign-on fail.",
        "服务端与 API 服务器的时钟相差 {seconds} 秒：会话与单点登录可能失败。",
        *_CLOCKS,
    ),
    "clocks.here": (
        "This machine's clock differs from the API server's by {seconds} s: ages and times are shown wrong.",
        "本机与 API 服务器的时钟相差 {seconds} 秒：显示的时间不准确。",
        *_CLOCKS,
    ),
    "clocks.unknown": (
        "The API server does not tell its time.",
        "API 服务器未返回时间。",
        "Compare the machines' clocks with the command date.",
        "请用 date 命令比较各机器的时钟。",
    ),
}
