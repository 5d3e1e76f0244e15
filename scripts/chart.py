"""Makes the charts' templates of what deploy/ and crds/ hold, so that each object is written in one place.

`python scripts/chart.py`; a test fails if a template is not what this makes. What only the chart has (Ingress,
Certificate, figures) is written by hand beside them.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
CHART: Final = ROOT / "charts/devworkspace/templates"
CRD_CHART: Final = ROOT / "charts/devworkspace-crds/templates"
_SEPARATOR: Final = "\n---\n"
_KEEP: Final = "helm.sh/resource-policy: keep"
_GROUP: Final = "devworkspace.kubesphere.io/v1alpha1"
_IMAGE: Final = re.compile(r"localhost/devworkspace/([a-z]+):0\.1\.0")


class ChartError(Exception):
    """A manifest does not hold what is replaced in it."""


class Change(NamedTuple):
    """`old` stands exactly once in the manifest and becomes `new`."""

    old: str
    new: str


def _workload(part: str) -> tuple[Change, ...]:
    values = f".Values.{part}"
    return (
        Change("  replicas: 2\n", f"  replicas: {{{{ {values}.replicas }}}}\n"),
        Change("imagePullPolicy: IfNotPresent", "imagePullPolicy: {{ .Values.image.pullPolicy }}"),
        Change(
            "      enableServiceLinks: false\n",
            "      enableServiceLinks: false\n"
            f'      {{{{- with include "devworkspace.placement" (list $ {values}) }}}}\n'
            "      {{- . | nindent 6 }}\n      {{- end }}\n",
        ),
        Change(
            "    metadata:\n      labels:",
            f"    metadata:\n      {{{{- with {values}.podAnnotations }}}}\n      annotations:\n"
            "        {{- toYaml . | nindent 8 }}\n      {{- end }}\n      labels:",
        ),
        Change("--address-mode=subdomain", "--address-mode={{ .Values.addressMode }}"),
    )


def _options(part: str) -> str:
    blank = " " * 12
    return f"{blank}{{{{- range .Values.{part}.options }}}}\n{blank}- {{{{ . | quote }}}}\n{blank}{{{{- end }}}}\n"


def _resources(part: str, memory: str) -> Change:
    blank = " " * 12
    return Change(
        f"resources:\n{blank}requests: {{cpu: 50m, memory: 96Mi}}\n{blank}limits: {{memory: {memory}}}\n",
        f"resources:\n{blank}{{{{- toYaml .Values.{part}.resources | nindent 12 }}}}\n",
    )


_ADDRESS: Final = "http://localhost:8080"
_NETWORKS: Final = "            # The installer adds --blocked-network for each network of the cluster's own.\n"
_ADMIN_MOUNT: Final = "            - {name: admin, mountPath: /etc/devworkspace/admin, readOnly: true}\n"
_ADMIN_VOLUME: Final = "        - name: admin\n          secret: {secretName: devworkspace-admin, defaultMode: 0440}\n"
_ADMIN_OPTION: Final = "            - --admin-dir=/etc/devworkspace/admin\n"
_LOG_OPTION: Final = "            - --log-format=json\n"
# By the host that the ReverseProxy names, ks-apiserver's requests are told from browsers'. The parentheses: after
# `--reuse-values` an older release has no such value.
_KUBESPHERE_OPTIONS: Final = """            {{- with (.Values.kubesphere).url }}
            - {{ printf "--kubesphere-url=%s" . | quote }}
            - --kubesphere-host=devworkspace-server.{{ $.Release.Namespace }}.svc
            {{- end }}
"""


def _if_account(lines: str, indent: int) -> Change:
    blank = " " * indent
    return Change(lines, f"{blank}{{{{- if .Values.admin.enabled }}}}\n{lines}{blank}{{{{- end }}}}\n")


def _extra(list_name: str, before: str, indent: int) -> Change:
    """More entries from the values, in front of the one that stands here."""
    blank = " " * indent
    entries = f"{blank}{{{{- with .Values.server.{list_name} }}}}\n{blank}{{{{- toYaml . | nindent {indent} }}}}\n"
    return Change(before, f"{entries}{blank}{{{{- end }}}}\n{before}")


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "operator.yaml": (
        *_workload("operator"),
        Change(f"- --gateway-url={_ADDRESS}", '- {{ printf "--gateway-url=%s" .Values.publicUrl | quote }}'),
        Change(
            _NETWORKS,
            "            {{- range .Values.blockedNetworks }}\n            - --blocked-network={{ . }}\n"
            f"            {{{{- end }}}}\n{_options('operator')}",
        ),
        _resources("operator", "512Mi"),
    ),
    "server.yaml": (
        *_workload("server"),
        Change(f"- --public-url={_ADDRESS}", '- {{ printf "--public-url=%s" .Values.publicUrl | quote }}'),
        Change("--image-prefix=localhost/devworkspace", '--image-prefix={{ include "devworkspace.imagePrefix" . }}'),
        Change("--replicas=2", "--replicas={{ .Values.server.replicas }}"),
        _if_account(_ADMIN_OPTION, 12),
        Change(_LOG_OPTION, f"{_LOG_OPTION}{_KUBESPHERE_OPTIONS}{_options('server')}"),
        _resources("server", "1Gi"),
        _if_account(_ADMIN_MOUNT, 12),
        _if_account(_ADMIN_VOLUME, 8),
        _extra("extraVolumeMounts", "            - {name: tmp, mountPath: /tmp}\n", 12),
        _extra("extraVolumes", "        - name: tmp\n          emptyDir: {}\n", 8),
        Change(
            "spec:\n  selector: {app",
            'spec:\n  {{- if ne .Values.server.service.type "ClusterIP" }}\n  type: {{ .Values.server.service.type }}\n'
            "  {{- end }}\n  selector: {app",
        ),
        Change(
            "    - {name: http, port: 80, targetPort: http}\n",
            "    - name: http\n      port: 80\n      targetPort: http\n"
            "      {{- with .Values.server.service.nodePort }}\n      nodePort: {{ . }}\n      {{- end }}\n",
        ),
    ),
    "rbac.yaml": (),
    "roles.yaml": (),
    "policies.yaml": (),
}
# Whole documents that the values, or the cluster, can do without.
CONDITIONS: Final = {
    "PodDisruptionBudget": ".Values.podDisruptionBudgets",
    "NetworkPolicy": ".Values.networkPolicies",
}
POLICIES: Final = 'and .Values.admissionPolicies (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version)'
# Which sessions have ended must be known after an uninstallation and another installation as well.
KEPT: Final = ("ConfigMap", "Lease")


def make_templates() -> dict[Path, str]:
    """The text of each template that is made."""
    made = {CHART / name: _template(name) for name in CHANGES}
    made[CHART / "examples.yaml"] = _examples()
    for source in sorted((ROOT / "crds").glob("*_crd.yaml")):
        made[CRD_CHART / source.name] = _definition(source)
    return made


def _template(name: str) -> str:
    source = ROOT / "deploy" / name
    text = _read(source)
    for change in CHANGES[name]:
        if text.count(change.old) != 1:
            raise ChartError(f"{source}: expected once, found {text.count(change.old)} times: {change.old!r}")
        text = text.replace(change.old, change.new)
    text = _IMAGE.sub(_image, text.replace("devworkspace-system", "{{ .Release.Namespace }}"))
    documents = [_document(document) for document in text.rstrip("\n").split(_SEPARATOR)]
    body = _SEPARATOR.join(documents)
    if name == "policies.yaml":
        body = f"{{{{- if {POLICIES} }}}}\n{body}\n{{{{- end }}}}"
    return f"{_head(source)}{body}\n"


def _document(text: str) -> str:
    kind = _kind(text)
    if kind in KEPT:
        text = text.replace("metadata:\n", f"metadata:\n  annotations: {{{_KEEP}}}\n", 1)
    if kind in CONDITIONS:
        text = f"{{{{- if {CONDITIONS[kind]} }}}}\n{text}\n{{{{- end }}}}"
    return text


def _kind(text: str) -> str:
    found = re.search(r"^kind: (\w+)$", text, re.MULTILINE)
    if found is None:
        raise ChartError(f"no kind in {text[:200]!r}")
    return found[1]


def _image(found: re.Match[str]) -> str:
    return f'{{{{ include "devworkspace.image" (list $ "{found[1]}") }}}}'


def _examples() -> str:
    """The example templates, published by the first installation and the admins' own from then on."""
    return (
        _SEPARATOR.join(_example(source) for source in sorted((ROOT / "crds/examples").glob("*-template.yaml"))) + "\n"
    )


def _example(source: Path) -> str:
    name = source.name.removesuffix("-template.yaml")
    text = _IMAGE.sub(_image, _read(source).rstrip("\n"))
    text = text.replace("metadata:\n", "metadata:\n  annotations: {helm.sh/hook: post-install}\n", 1)
    # Where the definitions come with the same release, there is nothing to look up in yet.
    known = f'.Capabilities.APIVersions.Has "{_GROUP}/WorkspaceTemplate"'
    absent = f'not (and ({known}) (lookup "{_GROUP}" "WorkspaceTemplate" "" "{name}"))'
    return f"{_head(source)}{{{{- if and .Values.exampleTemplates ({absent}) }}}}\n{text}\n{{{{- end }}}}"


def _definition(source: Path) -> str:
    text = _read(source)
    return _head(source) + text.replace("metadata:\n", f"metadata:\n  annotations:\n    {_KEEP}\n", 1)


def _read(source: Path) -> str:
    text = source.read_text(encoding="utf-8")
    if "{{" in text:
        raise ChartError(f"{source}: holds '{{{{', which Helm would take for its own")
    return text


def _head(source: Path) -> str:
    return f"{{{{- /* Made from {source.relative_to(ROOT)} by scripts/chart.py: change that file. */}}}}\n"


def differences() -> Iterator[str]:
    """The templates that are not what this makes."""
    for path, text in make_templates().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield str(path.relative_to(ROOT))


if __name__ == "__main__":
    for file, content in make_templates().items():
        file.write_text(content, encoding="utf-8")
    sys.exit(0)
