"""What the doctor says: a reason and, where something is to be done, the next step, in English and Chinese."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from devworkspace.cli.doctor.words_address import ADDRESS
from devworkspace.cli.doctor.words_cluster import CLUSTER
from devworkspace.cli.language import choose


class Sentences(NamedTuple):
    """`next_en` and `next_zh` are empty where nothing is to be done."""

    en: str
    zh: str
    next_en: str = ""
    next_zh: str = ""


TITLES: Final[dict[str, tuple[str, str]]] = {
    "kubernetes": ("Kubernetes", "Kubernetes 版本"),
    "definitions": ("kinds", "资源定义"),
    "parts": ("parts", "组件"),
    "leader": ("operator at work", "控制器选主"),
    "versions": ("versions", "版本"),
    "rights": ("rights of the parts", "组件权限"),
    "own-rights": ("your rights", "当前用户权限"),
    "policies": ("admission policies", "准入策略"),
    "storage": ("storage", "存储"),
    "images": ("images", "镜像"),
    "metrics": ("figures", "指标"),
    "dns": ("DNS", "域名解析"),
    "certificate": ("certificate", "证书"),
    "server": ("public address", "访问地址"),
    "clocks": ("clocks", "时钟"),
    "network-policies": ("network policies", "网络策略"),
}
VERDICTS: Final[dict[str, tuple[str, str]]] = {
    "ok": ("ok", "正常"),
    "advice": ("advice", "建议"),
    "problem": ("problem", "问题"),
    "unknown": ("unknown", "未知"),
}
_SUMMARY: Final = (
    "{ok} fine, {advice} with advice, {problem} with a problem, {unknown} not known.",
    "正常 {ok} 项，建议 {advice} 项，问题 {problem} 项，未知 {unknown} 项。",
)
_COMMON: Final[dict[str, tuple[str, ...]]] = {
    "forbidden": (
        "You may not find out: {message}",
        "没有权限执行此项检查：{message}",
        "Ask an administrator of the cluster to run it.",
        "请集群管理员运行此命令。",
    ),
    "unreadable": (
        "The API server did not tell: {message}",
        "API 服务器未能给出结果：{message}",
        "Run it again; if that does not help, look at the API server.",
        "请重新运行；如仍失败，请检查 API 服务器。",
    ),
}
TEXTS: Final[dict[str, Sentences]] = {
    key: Sentences(*sentences) for key, sentences in {**_COMMON, **CLUSTER, **ADDRESS}.items()
}


def tell(text: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and next step, in the person's language."""
    sentences = TEXTS[text]
    pairs = ((sentences.en, sentences.zh), (sentences.next_en, sentences.next_zh))
    reason, next_step = (choose(pair).format(**values).strip() for pair in pairs)
    return reason, next_step


def title(check: str) -> str:
    return choose(TITLES[check])


def verdict_word(verdict: str) -> str:
    return choose(VERDICTS[verdict])


def summary(counts: Mapping[str, int]) -> str:
    return choose(_SUMMARY).format(**counts)
