"""Every text of the pages, in English and Chinese, and the choice between the two."""

import re
from typing import Final, Literal

from devworkspace.api import reasons
from devworkspace.core.limits import STARTS_BY_ITSELF, Shortage, is_freed_by_stop
from devworkspace.core.pacing import read_place
from devworkspace.core.refusals import told_shortages
from devworkspace.core.safemode import RUNS_SAFELY

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
LANGUAGE_COOKIE: Final = "dw-lang"

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "product": ("DevWorkspace", "DevWorkspace"),
    "other-language": ("中文", "English"),
    "environments": ("Dev Environments", "云开发环境"),
    "signin.title": ("Sign in", "登录"),
    "signin.user": ("User name", "用户名"),
    "signin.password": ("Password", "密码"),
    "signin.submit": ("Sign in", "登录"),
    "signin.wrong": ("User name or password is wrong.", "用户名或密码错误。"),
    "signin.throttled": (
        "Too many attempts. Try again in {seconds} s.",
        "尝试次数过多，请在 {seconds} 秒后重试。",
    ),
    "signin.done": (
        "You are signed out. Running environments keep running.",
        "您已退出登录。运行中的环境将继续运行。",
    ),
    "signin.away": (
        "The cluster does not answer, so that nobody can sign in now. Who is signed in goes on. Try again in a moment.",
        "集群暂时没有响应，目前无法登录。已登录的用户可以继续使用。请稍后重试。",
    ),
    "signin.foreign": (
        "This form was not sent from the sign-in page. Open the page again and retry.",
        "此表单不是从登录页面提交的。请重新打开登录页面后再试。",
    ),
    "provider.continue": ("Continue with {name}", "使用 {name} 登录"),
    "signin.console": (
        "Nobody signs in here. Open your environments from KubeSphere's console.",
        "此处无法登录。请从 KubeSphere 控制台打开您的环境。",
    ),
    "provider.local": ("Local account", "本地账号"),
    "provider.absent": (
        "{name} does not answer at the moment. Reload this page to try again.",
        "{name} 暂时没有响应。请刷新本页重试。",
    ),
    "provider.away": (
        "The sign-in service does not answer, so nobody can be signed in with it now. Try again in a moment.",
        "登录服务没有响应，暂时无法使用。请稍后重试。",
    ),
    "provider.stale": (
        "This sign-in was not begun in this browser, took longer than 10 minutes, or cookies are blocked. Start again.",
        "此次登录不是在本浏览器中发起的、已超过 10 分钟，或 Cookie 被阻止。请重新登录。",
    ),
    "provider.refused": (
        "The sign-in was not accepted. Try again; if it stays so, an admin finds the reason in the server's log.",
        "登录未被接受。请重试；如仍失败，管理员可在服务器日志中查看原因。",
    ),
    "provider.groups": (
        "Your account has more groups than a session can hold. Ask an admin to send fewer of them to this application.",
        "您的账号所属的组过多，会话无法容纳。请联系管理员减少发送给本应用的组。",
    ),
    "leave.title": ("You are signed out here", "您已在此处退出登录"),
    "leave.hint": (
        "You are still signed in with {name}. Sign out there, too, on a computer that others use.",
        "您在 {name} 仍处于登录状态。如使用公共电脑，请在该处同时退出。",
    ),
    "leave.link": ("Sign out of {name}", "退出 {name}"),
    "signout.failed.title": ("You are still signed in", "您仍处于登录状态"),
    "signout.failed.hint": (
        "The cluster does not answer, so that your session could not be ended. Go back and try again in a moment.",
        "集群暂时没有响应，无法结束您的会话。请稍后返回重试。",
    ),
    "missing.title": ("Not found", "未找到"),
    "missing.environment": (
        "This environment does not exist or is not shared with you.",
        "此环境不存在或未与您共享。",
    ),
    "missing.page": ("There is no such page.", "页面不存在。"),
    "dashboard.missing": ("The dashboard is not built", "控制台界面尚未构建"),
    "dashboard.build": (
        "This server runs from a checkout without it. Run dashboard/build.sh there and start the server again.",
        "服务器从源码目录运行，其中没有构建好的界面。请运行 dashboard/build.sh，然后重新启动服务器。",
    ),
    "away.title": ("The cluster does not answer", "集群没有响应"),
    "away.hint": (
        "Nobody can tell now whether you may open this. What you have open goes on. Try again in a moment.",
        "目前无法确认您是否有权打开此环境。已打开的内容不受影响。请稍后重试。",
    ),
    "blind.title": ("No contact with the cluster", "与集群失去联系"),
    "blind.hint": (
        "This server has not heard from the cluster for too long to let anybody in. Environments keep running. "
        "Try again in a moment.",
        "此服务器与集群失去联系的时间过长，暂时无法访问。环境仍在运行。请稍后重试。",
    ),
    "blind.again": ("Try again", "重试"),
    "back": ("Back to the list", "返回列表"),
    "wait.title": ("{name}: {phase}", "{name}：{phase}"),
    "wait.hint": ("This page opens the editor by itself.", "编辑器就绪后，本页将自动打开。"),
    "wait.unreachable": (
        "The editor does not answer at the moment. Trying again.",
        "编辑器暂时没有响应，正在重试。",
    ),
    "stopped.hint": ("It is stopped; its disk is kept.", "环境已停止，磁盘已保留。"),
    "stopped.foreign": (
        "It is stopped. Its owner can start it; this page then opens the editor.",
        "环境已停止。所有者启动后，本页将自动打开编辑器。",
    ),
    "stopped.button": ("Start", "启动"),
    "start.limited": (
        "You have started too many environments in a short time. Try again in {seconds} s.",
        "您在短时间内启动环境的次数过多，请在 {seconds} 秒后重试。",
    ),
    "start.failed": (
        "It could not be started because the cluster does not answer. Reload this page to try again.",
        "集群没有响应，无法启动。请刷新本页重试。",
    ),
    "failed.hint": ("Once the cause is removed, start it again.", "排除原因后，请重新启动。"),
    "failed.foreign": (
        "Once the cause is removed, its owner can start it again.",
        "排除原因后，可由所有者重新启动。",
    ),
    "failed.button": ("Start again", "重新启动"),
    "wait.go": ("Open when ready", "就绪后自动打开"),
    "wait.ready": ("Ready", "已就绪"),
    "wait.open": ("Open the editor", "打开编辑器"),
    "wait.cancel": ("Cancel start", "取消启动"),
    "wait.cancel-failed": (
        "The start could not be cancelled. Try again in a moment.",
        "未能取消启动，请稍后重试。",
    ),
    "wait.tell": ("Tell me when it is ready", "就绪后通知我"),
    "wait.tell-on": ("This browser will tell you", "浏览器将通知您"),
    "wait.tell-off": ("The browser does not allow notices here", "浏览器不允许在此显示通知"),
    "wait.failed": ("Failed", "失败"),
    "wait.log": ("Log", "日志"),
    "wait.log-empty": (
        "No output yet. What the container prints appears here by itself.",
        "尚无输出。容器输出的内容会自动显示在这里。",
    ),
    "start.usual": ("usually {median} s, rarely more than {p95} s", "通常 {median} 秒，很少超过 {p95} 秒"),
    "start.first": ("first starts with this template: not known how long it takes", "此模板的启动次数较少，用时未知"),
    "start.late": ("This start takes longer than usual.", "本次启动比平时慢。"),
    "stage.queued": ("Queued", "排队"),
    "stage.disk": ("Disk", "磁盘"),
    "stage.scheduling": ("Scheduling", "调度"),
    "stage.image": ("Image", "镜像"),
    "stage.container": ("Container", "容器"),
    "stage.editor": ("Editor answered", "编辑器应答"),
    "clone.name": ("Repository", "代码仓库"),
    "clone.waiting": ("is cloned beside the editor and does not hold it back", "与编辑器同时克隆，不影响打开编辑器"),
    "clone.cloning": ("is being cloned; the editor need not wait for it", "正在克隆，无需等待即可使用编辑器"),
    "clone.cloned": ("cloned", "已克隆"),
    "clone.failed": ("not cloned; the editor works nevertheless", "未克隆，编辑器仍可使用"),
    "clone.reason.login-required": ("The repository asks for a login.", "代码仓库要求登录。"),
    "clone.reason.not-found": ("There is no such repository.", "代码仓库不存在。"),
    "clone.reason.unreachable": ("The repository's server does not answer.", "代码仓库的服务器没有响应。"),
    "clone.reason.ref-not-found": ("There is no such branch or tag.", "分支或标签不存在。"),
    "clone.reason.disk-full": ("The disk is too small for the repository.", "磁盘空间不足以容纳代码仓库。"),
    "clone.reason.directory-exists": ("The folder is taken.", "文件夹已被占用。"),
    "clone.reason.other": ("The repository could not be cloned.", "无法克隆代码仓库。"),
    "clone.next.login-required": (
        "It is private, or not there. Clone it in the editor's terminal, where Git asks for your account.",
        "仓库是私有的，或并不存在。请在编辑器的终端中克隆，Git 会在那里询问您的账号。",
    ),
    "clone.next.not-found": (
        "Clone the right one in the editor's terminal, or create another environment.",
        "请在编辑器的终端中克隆正确的仓库，或创建另一个环境。",
    ),
    "clone.next.unreachable": (
        "Another start tries again. If it stays, ask an admin whether environments may reach this server.",
        "重新启动时会再次尝试。如仍失败，请询问管理员环境能否访问该服务器。",
    ),
    "clone.next.ref-not-found": (
        "The repository has no {ref}. Clone another branch in the editor's terminal.",
        "仓库中没有 {ref}。请在编辑器的终端中克隆其他分支。",
    ),
    "clone.next.disk-full": (
        "Make the disk larger in the settings or remove what nobody needs; then another start tries again.",
        "请在设置中扩大磁盘或删除不需要的内容，重新启动时会再次尝试。",
    ),
    "clone.next.directory-exists": (
        "Something else is at {folder}. Move it away; then another start tries again.",
        "{folder} 处已有其他内容。请将其移走，重新启动时会再次尝试。",
    ),
    "clone.next.other": (
        "Git's words say more. Another start tries again, or clone it in the editor's terminal.",
        "详情请见 Git 的输出。重新启动时会再次尝试，也可以在编辑器的终端中克隆。",
    ),
    "step.waiting": ("not yet", "未开始"),
    "step.running": ("under way", "进行中"),
    "step.done": ("done", "已完成"),
    "step.failed": ("failed", "失败"),
    "code.title": ("This sign-in link has expired", "登录链接已失效"),
    "code.hint": (
        "It works once, for 30 seconds, in the browser that asked for it, and only with cookies allowed.",
        "链接仅可在发起请求的浏览器中使用一次，30 秒内有效，且需允许 Cookie。",
    ),
    "code.again": ("Try again", "重试"),
    "phase.Pending": ("Waiting", "等待中"),
    "phase.Provisioning": ("Starting", "启动中"),
    "phase.Running": ("Running", "运行中"),
    "phase.Unreachable": ("Not answering", "无响应"),
    "phase.Stopping": ("Stopping", "停止中"),
    "phase.Stopped": ("Stopped", "已停止"),
    "phase.Failed": ("Failed", "失败"),
    "phase.Deleting": ("Deleting", "删除中"),
    "sentence.Answering": ("The editor answers; it is ready to be opened.", "编辑器已就绪，可以打开。"),
    "safe-mode": (RUNS_SAFELY, "编辑器已就绪，正以安全模式运行：未使用环境模板的镜像和设置。重启即可退出安全模式。"),
    "sentence.Starting": ("The disk and the editor are being prepared.", "正在准备磁盘和编辑器。"),
    "sentence.Stopping": ("The editor is being stopped; the disk is kept.", "正在停止编辑器，磁盘会保留。"),
    "sentence.LimitsUnreadable": (
        "The limits of this installation cannot be read, so that nothing new is started.",
        "系统的限额配置有误，因此暂不启动新的环境。请联系管理员更正配置字典 devworkspace-limits。",
    ),
    "short.OwnerLimitReached": ("Your limit is reached ({lines}). {remedy}", "已达您的个人上限（{lines}）。{remedy}"),
    "short.QuotaExceeded": (
        "The project's quota is used up ({lines}). {remedy}",
        "项目配额已用完（{lines}）。{remedy}",
    ),
    "short.line": (
        "{what}: {used} of {limit} are taken, and this needs {needs}",
        "{what}：上限 {limit}，已用 {used}，本环境需要 {needs}",
    ),
    "short.and": ("; ", "；"),
    "short.environments": ("environments", "环境数"),
    "short.running": ("running environments", "运行中的环境数"),
    "short.cpu": ("CPUs of running environments", "运行中环境的 CPU"),
    "short.memory": ("memory of running environments", "运行中环境的内存"),
    "short.storage": ("storage of all disks", "全部磁盘的空间"),
    "short.stop": (
        "Stop another environment, or ask an admin for more.",
        "请停止其他环境，或联系管理员提高上限。",
    ),
    "short.delete": (
        "Delete an environment or a kept disk that nobody needs, or ask an admin for more.",
        "请删除不再需要的环境或保留的磁盘，或联系管理员提高上限。",
    ),
    "short.by-itself": ("It starts by itself as soon as there is room.", "有余量后，此环境会自动启动。"),
    "queue.place": (
        "It waits for its turn to start: place {position} of {total} in the queue. It starts by itself.",
        "正在排队等待启动：第 {position} 位，共 {total} 位。轮到后会自动启动。",
    ),
    "running.link": ("Your running environments", "查看运行中的环境"),
    "sentence.Stopped": ("Stopped; the disk is kept.", "已停止，磁盘已保留。"),
    "reason.AdmissionRefused": ("Refused by a cluster policy", "被集群策略拒绝"),
    "reason.CrashLoop": ("The container keeps exiting", "容器反复退出"),
    "reason.EditorNotAnswering": ("The editor does not answer", "编辑器无响应"),
    "reason.Deleting": ("Being deleted", "正在删除"),
    "reason.Evicted": ("The node ran short", "节点资源紧张，已被驱逐"),
    "reason.ImageNameInvalid": ("The image name is not valid", "镜像名称无效"),
    "reason.ImageNotFound": ("Image not found", "镜像不存在"),
    "reason.ImagePullDenied": ("Registry refused access", "镜像仓库拒绝访问"),
    "reason.ImagePullFailed": ("Image cannot be pulled", "无法拉取镜像"),
    "reason.ImagePullNetwork": ("Registry not reachable", "无法连接镜像仓库"),
    "reason.InitContainerFailed": ("Preparing the start failed", "启动前的准备步骤失败"),
    "reason.LimitRangeExceeded": ("Outside of the project's limits", "超出项目的资源限制范围"),
    "reason.MissingConfiguration": ("A secret or config is missing", "缺少保密字典或配置字典"),
    "reason.NameConflict": ("Name already taken", "名称已被占用"),
    "reason.NamespaceTerminating": ("The project is being deleted", "项目正在删除"),
    "reason.NodeLost": ("The node does not answer", "节点无响应"),
    "reason.InstancesUnreadable": ("Some environments cannot be read", "部分环境无法读取"),
    "reason.OutOfMemory": ("Out of memory", "内存不足"),
    "reason.OverrideNotAllowed": ("Size, image or repository not allowed", "规格、镜像或代码仓库不允许"),
    "reason.PodFailed": ("The pod failed", "容器组运行失败"),
    "reason.PodSecurityRefused": ("Refused by Pod Security", "不符合容器组安全标准"),
    "reason.OwnerLimitReached": ("Your limit is reached", "已达您的个人上限"),
    "reason.LimitsUnreadable": ("The limits cannot be read", "无法读取限额配置"),
    "reason.StartQueued": ("Waiting for its turn", "正在排队等待启动"),
    "reason.QuotaExceeded": ("Project quota used up", "项目配额已用完"),
    "reason.SandboxFailed": ("The node cannot set up the pod", "节点无法创建容器组"),
    "reason.SchedulingGated": ("Held back by the cluster", "集群暂缓调度"),
    "reason.StartTimeout": ("Starting took too long", "启动超时"),
    "reason.SuccessorCircular": ("The successors lead in a circle", "替代模板循环引用"),
    "reason.SuccessorHidden": ("The successor is hidden", "替代模板已隐藏"),
    "reason.SuccessorMissing": ("The successor does not exist", "替代模板不存在"),
    "reason.TemplateMissing": ("The template is gone", "环境模板不存在"),
    "reason.TemplateHidden": ("The template is hidden", "环境模板已隐藏"),
    "reason.TemplateUnreadable": ("The template cannot be read", "环境模板无法读取"),
    "reason.TemplateNotAllowed": ("The template is not for this project", "此项目不可使用该环境模板"),
    "reason.Unschedulable": ("No room in the cluster", "集群资源不足"),
    "reason.VolumeLost": ("The disk is gone", "磁盘已丢失"),
    "reason.VolumeMountFailed": ("The disk cannot be mounted", "磁盘无法挂载"),
    "reason.VolumeMultiAttach": ("The disk is in use on another node", "磁盘仍被其他节点占用"),
    "reason.VolumeNotAdoptable": ("The disk cannot be taken over", "无法接管该磁盘"),
    "reason.VolumePending": ("Disk not ready", "磁盘尚未就绪"),
    "reason.VolumeProvisioningFailed": ("The disk cannot be made", "无法创建磁盘"),
    "reason.VolumeResizeRefused": ("The disk cannot be enlarged", "磁盘无法扩容"),
    "reason.VolumeResizing": ("The disk is being enlarged", "磁盘正在扩容"),
}


def text(key: str, language: Language, **values: object) -> str:
    """The text of a key, filled in. The result is not escaped."""
    return TEXTS[key][LANGUAGES.index(language)].format(**values)


def reason_title(reason: str, language: Language) -> str | None:
    """The title of a failure reason; None for one that needs no words or is unknown here."""
    return text(f"reason.{reason}", language) if f"reason.{reason}" in TEXTS else None


def status_sentence(reason: str, message: str, language: Language) -> str:
    """The operator's sentence, which is English; in Chinese the catalogue's where nothing is wrong, or a limit is.

    What another failure says in detail (names, a registry's words) stays as it is below its translated title.
    """
    if language == "en":
        return message
    if message == RUNS_SAFELY:
        return text("safe-mode", language)
    if shortages := told_shortages(reason, message):
        return _shortage_sentence(reason, message, shortages, language)
    if reason == reasons.START_QUEUED and (place := read_place(message)) is not None:
        return text("queue.place", language, position=place.position, total=place.total)
    key = f"sentence.{reason}"
    return message if key not in TEXTS else text(key, language)


def _shortage_sentence(reason: str, message: str, shortages: tuple[Shortage, ...], language: Language) -> str:
    lines = (
        text(
            "short.line",
            language,
            what=text(f"short.{short.resource}", language) if f"short.{short.resource}" in TEXTS else short.resource,
            used=short.used,
            limit=short.limit,
            needs=short.needs,
        )
        for short in shortages
    )
    stops = reason == reasons.QUOTA_EXCEEDED or any(is_freed_by_stop(short) for short in shortages)
    remedy = text("short.stop" if stops else "short.delete", language)
    sentence = text(f"short.{reason}", language, lines=text("short.and", language).join(lines), remedy=remedy)
    return sentence + text("short.by-itself", language) if message.endswith(STARTS_BY_ITSELF) else sentence


def choose_language(wanted: str | None, cookie: str | None, accept: str) -> Language:
    """An explicit wish first, then an earlier one, then what the browser prefers; English if nothing fits."""
    for candidate in (wanted, cookie):
        if candidate in LANGUAGES:
            return "zh" if candidate == "zh" else "en"
    best: tuple[float, Language] = (0.0, "en")
    for part in accept[:512].split(","):
        tag, _, quality = part.strip().lower().partition(";q=")
        weight = float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 1.0
        language: Language | None = "zh" if tag.startswith("zh") else "en" if tag.startswith("en") else None
        if language is not None and weight > best[0]:
            best = (weight, language)
    return best[1]
