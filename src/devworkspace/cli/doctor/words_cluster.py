"""What the doctor says of the cluster and of the parts in it: English, Chinese, next step in English, in Chinese."""

from typing import Final

_INSTALL: Final = (
    "Install it again as it was installed: ./install.sh, or helm upgrade (docs/HELM.md).",
    "请按原安装方式重新安装：./install.sh 或 helm upgrade（docs/HELM.md）。",
)
_DEFINITIONS: Final = (
    "Bring the definitions up to date: ./install.sh, or helm upgrade devworkspace-crds charts/devworkspace-crds. "
    "Environments and their disks stay.",
    "请更新资源定义：./install.sh，或 helm upgrade devworkspace-crds charts/devworkspace-crds。环境及其磁盘不受影响。",
)
_PROBE_ELSEWHERE: Final = (
    "Try another namespace: devworkspace doctor --probe-namespace NAMESPACE",
    "请换一个命名空间：devworkspace doctor --probe-namespace NAMESPACE",
)

CLUSTER: Final[dict[str, tuple[str, ...]]] = {
    "kubernetes.ok": ("Kubernetes {version}.", "Kubernetes 版本为 {version}。"),
    "kubernetes.old": (
        "Kubernetes {version} is older than {oldest}.",
        "Kubernetes {version} 低于 {oldest}。",
        "Upgrade the cluster to {oldest} or newer; 1.30 brings admission policies as well.",
        "请将集群升级到 {oldest} 或更高版本；1.30 起还支持准入策略。",
    ),
    "kubernetes.no-policies": (
        "Kubernetes {version} has no admission policies: templates in use can be deleted, and whoever creates an "
        "environment may name any owner.",
        "Kubernetes {version} 不支持准入策略：使用中的模板可能被删除，创建环境的人可以指定任意所有者。",
        "Upgrade the cluster to 1.30 or newer, and install again.",
        "请将集群升级到 1.30 或更高版本，然后重新安装。",
    ),
    "kubernetes.unreadable": (
        "The API server calls its version {version!r}, which is no version of Kubernetes.",
        "API 服务器的版本 {version!r} 不是有效的 Kubernetes 版本。",
        "Make sure that it is 1.29 or newer.",
        "请确认其版本不低于 1.29。",
    ),
    "definitions.ok": (
        "Both kinds are served as {version}, with the fields of this program.",
        "两种资源均以 {version} 提供，字段与本程序一致。",
    ),
    "definitions.absent": ("The definition {name} does not exist.", "资源定义 {name} 不存在。", *_DEFINITIONS),
    "definitions.not-established": (
        "The definition {name} is not in force. {message}",
        "资源定义 {name} 未生效。{message}",
        "Look at its conditions: kubectl describe crd {name}",
        "请查看其状态：kubectl describe crd {name}",
    ),
    "definitions.not-served": (
        "The definition {name} does not serve {version}, only: {served}.",
        "资源定义 {name} 未提供 {version}，仅提供：{served}。",
        *_DEFINITIONS,
    ),
    "definitions.older": (
        "The definition {name} lacks fields that version {version} writes, so that they are dropped: {fields}.",
        "资源定义 {name} 缺少 {version} 版本写入的字段，这些字段会被丢弃：{fields}。",
        *_DEFINITIONS,
    ),
    "definitions.newer": (
        "The definition {name} has fields that this program ({version}) does not know: {fields}.",
        "资源定义 {name} 包含本程序（{version}）不认识的字段：{fields}。",
        "Use the command line of the installation's version.",
        "请使用与安装版本一致的命令行程序。",
    ),
    "parts.ok": ("{name}: {ready} ready, image {image}.", "{name}：{ready} 个就绪，镜像 {image}。"),
    "parts.absent": (
        "There is no Deployment {name} in namespace {namespace}.",
        "命名空间 {namespace} 中没有 Deployment {name}。",
        "If it is in another namespace: devworkspace doctor --system-namespace NAMESPACE. Otherwise install it.",
        "如位于其他命名空间：devworkspace doctor --system-namespace NAMESPACE。否则请安装。",
    ),
    "parts.off": (
        "{name} is scaled to 0.",
        "{name} 的副本数为 0。",
        "kubectl scale deployment {name} --namespace {namespace} --replicas=2",
        "kubectl scale deployment {name} --namespace {namespace} --replicas=2",
    ),
    "parts.not-ready": (
        "{name}: {ready} of {wanted} ready. {message}",
        "{name}：{wanted} 个副本中 {ready} 个就绪。{message}",
        "kubectl describe pods --namespace {namespace} --selector app.kubernetes.io/component={component} says why, "
        "and so "
        "does kubectl logs.",
        "请用 kubectl describe pods --namespace {namespace} --selector app.kubernetes.io/component={component} 和 "
        "kubectl "
        "logs 查看原因。",
    ),
    "leader.ok": ("{holder} works.", "{holder} 正在工作。"),
    "leader.none": (
        "No operator has taken up work: nobody holds the Lease devworkspace-operator.",
        "没有控制器在工作：Lease devworkspace-operator 无人持有。",
        "kubectl logs --namespace {namespace} --selector app.kubernetes.io/component=operator",
        "kubectl logs --namespace {namespace} --selector app.kubernetes.io/component=operator",
    ),
    "leader.gone": (
        "No operator works: {holder} was heard of last {since} ago.",
        "没有控制器在工作：{holder} 最后一次活动在 {since} 之前。",
        "kubectl logs --namespace {namespace} --selector app.kubernetes.io/component=operator",
        "kubectl logs --namespace {namespace} --selector app.kubernetes.io/component=operator",
    ),
    "versions.ok": ("Operator, server and this program are {version}.", "控制器、服务端与本程序均为 {version}。"),
    "versions.same": (
        "Operator and server run the same image, whose name tells no version: {image}.",
        "控制器与服务端使用同一镜像，其名称不含版本：{image}。",
    ),
    "versions.differ": (
        "Operator and server are of different versions: {images}.",
        "控制器与服务端版本不同：{images}。",
        "An upgrade may be under way or have stopped half-way: run it again.",
        "升级可能正在进行或中途停止：请重新执行升级。",
    ),
    "versions.program": (
        "This program is {program}, the installation {installed}.",
        "本程序版本为 {program}，安装版本为 {installed}。",
        "Use the command line of the installation's version, or upgrade the installation.",
        "请使用与安装版本一致的命令行程序，或升级安装。",
    ),
    "versions.parts-missing": (
        "A part is missing, so that versions cannot be compared.",
        "缺少组件，无法比较版本。",
        *_INSTALL,
    ),
    "rights.ok": ("{account} has all {count} rights.", "{account} 具备全部 {count} 项权限。"),
    "rights.missing": (
        "{account} lacks: {rights}.",
        "{account} 缺少权限：{rights}。",
        "Restore roles and bindings: kubectl apply --server-side --filename deploy/rbac.yaml, or helm upgrade.",
        "请恢复角色与绑定：kubectl apply --server-side --filename deploy/rbac.yaml，或 helm upgrade。",
    ),
    "own-rights.ok": (
        "You can do everything with environments in namespace {namespace}.",
        "您可以在命名空间 {namespace} 中使用环境的全部命令。",
    ),
    "own-rights.missing": (
        "With this command line you may not, in namespace {namespace}: {rights}.",
        "您无法通过命令行在命名空间 {namespace} 中执行：{rights}。",
        "Work in the browser, which needs none of it, or ask for the ClusterRole edit there, and devworkspace-viewer "
        "for the "
        "whole cluster (docs/RBAC.md).",
        "请使用浏览器（无需这些权限），或申请该命名空间的 ClusterRole edit 以及全集群的 "
        "devworkspace-viewer（docs/RBAC.md）。",
    ),
    "policies.ok": ("{count} policies are bound, and deny.", "{count} 条策略已绑定并生效。"),
    "policies.not-served": (
        "The API server has no admission policies.",
        "API 服务器不支持准入策略。",
        "Upgrade the cluster to Kubernetes 1.30 or newer, and install again.",
        "请将集群升级到 Kubernetes 1.30 或更高版本，然后重新安装。",
    ),
    "policies.absent": (
        "These policies are missing: {names}.",
        "缺少策略：{names}。",
        "kubectl apply --server-side --filename deploy/policies.yaml, or helm upgrade --set admissionPolicies=true",
        "kubectl apply --server-side --filename deploy/policies.yaml，或 helm upgrade --set admissionPolicies=true",
    ),
    "policies.unbound": (
        "Nothing binds these policies, so that they do nothing: {names}.",
        "以下策略没有绑定，不起作用：{names}。",
        "kubectl apply --server-side --filename deploy/policies.yaml, or helm upgrade --set admissionPolicies=true",
        "kubectl apply --server-side --filename deploy/policies.yaml，或 helm upgrade --set admissionPolicies=true",
    ),
    "policies.half-bound": (
        "These bindings are missing, so that their policy does nothing for a part of what it is for: {names}.",
        "缺少以下绑定，对应的策略只对部分对象起作用：{names}。",
        "kubectl apply --server-side --filename deploy/policies.yaml, or helm upgrade --set admissionPolicies=true",
        "kubectl apply --server-side --filename deploy/policies.yaml，或 helm upgrade --set admissionPolicies=true",
    ),
    "policies.lenient": (
        "The bindings of these policies only warn or audit: {names}.",
        "以下策略的绑定仅警告或审计，不会拒绝：{names}。",
        "Add Deny to validationActions of their bindings, or apply deploy/policies.yaml again.",
        "请在其绑定的 validationActions 中加入 Deny，或重新应用 deploy/policies.yaml。",
    ),
    "storage.ok": (
        "StorageClass {name} is the default; its disks can grow, and are made where the pod is.",
        "默认 StorageClass 为 {name}；磁盘可以扩容，并在容器组所在位置创建。",
    ),
    "storage.none": (
        "No StorageClass is the default (there are: {names}), so that a template must name one.",
        "没有默认 StorageClass（现有：{names}），模板必须指定一个。",
        "kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true, or "
        "storage.storageClassName in "
        "each template",
        "kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true，或在每个模板中设置 "
        "storage.storageClassName",
    ),
    "storage.several": (
        "Several StorageClasses are the default, of which the newest one counts: {names}.",
        "存在多个默认 StorageClass，以最新的为准：{names}。",
        "Take the annotation storageclass.kubernetes.io/is-default-class off all but one.",
        "请仅保留一个 StorageClass 的 storageclass.kubernetes.io/is-default-class 注解。",
    ),
    "storage.fixed": (
        "Disks of StorageClass {name} cannot grow: a larger size of an environment or template is refused.",
        "StorageClass {name} 的磁盘无法扩容：环境或模板的更大容量会被拒绝。",
        "If its driver can: kubectl patch storageclass {name} --patch '{{\"allowVolumeExpansion\":true}}'",
        "如果驱动支持：kubectl patch storageclass {name} --patch '{{\"allowVolumeExpansion\":true}}'",
    ),
    "storage.immediate": (
        "StorageClass {name} makes disks before it is known where the pod runs: in another zone the pod cannot start.",
        "StorageClass {name} 在确定容器组位置之前创建磁盘：若位于其他可用区，容器组将无法启动。",
        "Use a class with volumeBindingMode WaitForFirstConsumer, unless its disks can be reached from every node.",
        "除非磁盘可从所有节点访问，否则请使用 volumeBindingMode 为 WaitForFirstConsumer 的存储类。",
    ),
    "images.ok": (
        "The images of the templates ({count}) are on nodes.",
        "模板的 {count} 个镜像均已在节点上。",
    ),
    "images.missing": (
        "No node tells of {count} images of templates: {images}.",
        "有 {count} 个模板镜像未在任何节点上发现：{images}。",
        "The first start pulls them, and takes longer. Start one to see that nodes can, or set prePull in the "
        "template.",
        "首次启动时会拉取镜像，耗时较长。请启动一个环境以确认节点能够拉取，或在模板中设置 prePull。",
    ),
    "images.no-templates": (
        "No template is published, so that nobody can make an environment.",
        "没有已发布的模板，无法创建环境。",
        "Publish one in the dashboard, or kubectl apply --filename crds/examples/python-template.yaml",
        "请在控制台发布模板，或 kubectl apply --filename crds/examples/python-template.yaml",
    ),
    "metrics.ok": ("{group} answers.", "{group} 可用。"),
    "metrics.absent": (
        "There is no {group}: nobody sees what an environment uses at the moment.",
        "没有 {group}：无法查看环境的实时用量。",
        "Install metrics-server. Everything else works without it.",
        "请安装 metrics-server。其他功能不受影响。",
    ),
    "metrics.failing": (
        "{group} does not answer: {message}",
        "{group} 无响应：{message}",
        "Look at metrics-server: kubectl get apiservice v1beta1.{group}",
        "请检查 metrics-server：kubectl get apiservice v1beta1.{group}",
    ),
    "network.ok": (
        "A pod was kept out by a NetworkPolicy, and let in without it.",
        "容器组在有网络策略时被阻止，没有策略时可以访问。",
    ),
    "network.open": (
        "A NetworkPolicy did not keep a pod out: the cluster's network takes policies and ignores them. Any pod "
        "reaches every "
        "editor past the gateway, and environments reach everything.",
        "网络策略未能阻止容器组访问：集群网络接受策略但不执行。任何容器组都能绕过网关访问编辑器，"
        "环境也能访问所有地址。",
        "Turn policies on in the network plug-in, or install one that has them (Calico, Cilium, kube-router).",
        "请在网络插件中启用网络策略，或安装支持网络策略的插件（Calico、Cilium、kube-router）。",
    ),
    "network.off": (
        "Not tried: --no-probe makes no pods.",
        "未检查：--no-probe 不创建容器组。",
        "Run it without --no-probe.",
        "请去掉 --no-probe 重新运行。",
    ),
    "network.no-image": (
        "There is no server, whose image the probe would run.",
        "没有服务端，无法获得探测所用的镜像。",
        *_INSTALL,
    ),
    "network.refused": (
        "The cluster does not let a probe be made in namespace {namespace}: {message}",
        "集群不允许在命名空间 {namespace} 中创建探测：{message}",
        *_PROBE_ELSEWHERE,
    ),
    "network.not-started": (
        "The probe in namespace {namespace} did not start: {message}",
        "命名空间 {namespace} 中的探测未能启动：{message}",
        *_PROBE_ELSEWHERE,
    ),
    "network.shut": (
        "Two pods of namespace {namespace} did not reach each other even without a policy of ours.",
        "即使没有本产品的策略，命名空间 {namespace} 中的两个容器组也无法互通。",
        *_PROBE_ELSEWHERE,
    ),
    "network.stuck": (
        "A pod was kept out by a NetworkPolicy, and did not get in again when that was gone: it may have been "
        "something else.",
        "容器组被网络策略阻止，但策略删除后仍无法访问：可能由其他原因造成。",
        "Run it again.",
        "请重新运行。",
    ),
    "network.ended": (
        "The probe in namespace {namespace} ended early.",
        "命名空间 {namespace} 中的探测提前结束。",
        "Run it again.",
        "请重新运行。",
    ),
}
