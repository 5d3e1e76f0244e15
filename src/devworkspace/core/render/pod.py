"""The Pod of an environment. It meets Pod Security `restricted` and holds no Kubernetes token."""

from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import Environment, Scheduling
from devworkspace.core.address import Gateway, environment_url, path_base
from devworkspace.core.gituser import git_settings, parse_git_user
from devworkspace.core.render.common import Body, child_metadata, child_name, digest
from devworkspace.core.repository import repository_file
from devworkspace.core.resolve import Settings
from devworkspace.core.safemode import find_safe_start, safe_environment

# Images made for this product prepare the home directory in `devworkspace-start`; any other image with code-server on
# its PATH works too.
_CODE_SERVER_COMMAND = (
    "/bin/sh",
    "-c",
    'command -v devworkspace-start >/dev/null && exec devworkspace-start "$@"; exec code-server "$@"',
    "code-server",
)
# Editors save on every change and terminals die anyway; half a minute of waiting would only delay a stop.
_TERMINATION_GRACE_SECONDS = 10
# The kubelet's shortest period: what a person waits is the time until the next probe after the editor is up.
_PROBE_PERIOD_SECONDS = 1
_PROBE_TIMEOUT_SECONDS = 3
_PROBE_FAILURES = 5
# What the editor of a pod that was made in advance is told when it is taken.
CLAIM_FILE = "claim"
# What /etc/gitconfig of our images includes.
GIT_FILE = "gitconfig"
# What devworkspace-repository of our images clones.
REPOSITORY_FILE = "repository"


def template_revision(settings: Settings) -> str:
    """Identifies what a pod is built from: equal for two settings exactly if they make the same pod."""
    return digest(
        settings.environment, settings.requests, settings.limits, settings.ports, settings.scheduling, settings.template
    )


def render_pod(
    instance: WorkspaceInstance,
    settings: Settings,
    *,
    volume: str,
    key_id: str,
    gateway: Gateway | None = None,
    safe_image: str | None = None,
) -> Body:
    """The pod; `volume` is the claim that holds the home directory, `gateway` where the editor is opened.

    `key_id` names the key that its credential is derived from, `safe_image` is what a safe start takes; None: there is
    no safe start here.
    """
    restarted_at = instance.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")
    # In safe mode as well that of the template, so that a template that was repaired meanwhile shows as changed.
    revision = template_revision(settings)
    safe_start = find_safe_start(instance) if safe_image is not None else None
    annotations = {
        names.ANNOTATION_TEMPLATE: settings.template,
        names.ANNOTATION_TEMPLATE_REVISION: revision,
        names.ANNOTATION_RESTARTED_AT: restarted_at,
        names.ANNOTATION_CREDENTIAL_KEY: key_id,
        **git_annotations(instance),
    }
    if safe_image is not None and safe_start is not None:
        annotations[names.ANNOTATION_SAFE_START] = safe_start
        # A repository may be what fills the disk, or hangs.
        annotations.pop(names.ANNOTATION_REPOSITORY, None)
        settings = replace(settings, environment=safe_environment(settings.environment, safe_image))
    command, args = _command(instance, settings.environment, gateway)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": child_metadata(instance, inputs_hash=revision, annotations=annotations),
        "spec": pod_spec(
            settings,
            volume=volume,
            variables=_environment_variables(instance, settings.environment, gateway),
            command=command,
            args=args,
        ),
    }


def pod_spec(
    settings: Settings,
    *,
    volume: str,
    variables: dict[str, Body],
    command: tuple[str, ...],
    args: tuple[str, ...],
    claimable: bool = False,
) -> Body:
    """All that does not depend on whose the pod is. A `claimable` one is told while it runs."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": _TERMINATION_GRACE_SECONDS,
        "securityContext": _pod_security(settings.environment),
        "containers": [_container(settings, variables=variables, command=command, args=args)],
        "volumes": [
            {"name": names.VOLUME_NAME, "persistentVolumeClaim": {"claimName": volume}},
            *_told_volume(settings.environment, claimable=claimable),
        ],
        **_pull_secrets(settings.environment),
        **_placement(settings.scheduling),
    }


def git_annotations(instance: WorkspaceInstance) -> dict[str, str]:
    """As whom Git commits, in Git's words, and what is cloned; nothing of what nobody has said."""
    told: dict[str, str] = {}
    user = parse_git_user(instance.metadata.annotations.get(names.ANNOTATION_GIT_USER, ""))
    if user is not None:
        told[names.ANNOTATION_GIT_SETTINGS] = git_settings(user)
    if instance.spec.git is not None:
        told[names.ANNOTATION_REPOSITORY] = repository_file(instance.spec.git)
    return told


def _told_volume(environment: Environment, *, claimable: bool) -> list[Body]:
    """Annotations as files, such as the one that warns of a stop: no address, no credential, no way out of the pod."""
    if environment.ide != "code-server":
        return []
    told = {
        "stops": names.ANNOTATION_STOPS,
        GIT_FILE: names.ANNOTATION_GIT_SETTINGS,
        REPOSITORY_FILE: names.ANNOTATION_REPOSITORY,
    }
    files = told | ({CLAIM_FILE: names.ANNOTATION_CLAIM} if claimable else {})
    items = [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}
        for path, annotation in files.items()
    ]
    return [{"name": names.CLOCK_VOLUME, "downwardAPI": {"items": items}}]


def _mounts(environment: Environment) -> list[Body]:
    home: Body = {"name": names.VOLUME_NAME, "mountPath": environment.home_path}
    clock: Body = {"name": names.CLOCK_VOLUME, "mountPath": names.CLOCK_FOLDER, "readOnly": True}
    return [home, clock] if environment.ide == "code-server" else [home]


def _pod_security(environment: Environment) -> Body:
    return {
        "runAsNonRoot": True,
        "runAsUser": environment.run_as_user,
        "runAsGroup": environment.run_as_group,
        "fsGroup": environment.run_as_group,
        # A home with a million files would otherwise be walked at every start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(
    settings: Settings, *, variables: dict[str, Body], command: tuple[str, ...], args: tuple[str, ...]
) -> Body:
    environment = settings.environment
    container: Body = {
        "name": names.CONTAINER_NAME,
        "image": environment.image,
        "env": list(variables.values()),
        "ports": [
            {"name": port.name, "containerPort": port.container_port, "protocol": port.protocol}
            for port in settings.container_ports
        ],
        "resources": {"requests": settings.requests, "limits": settings.limits},
        "volumeMounts": _mounts(environment),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "readinessProbe": {
            "httpGet": {"path": environment.health_path, "port": names.PORT_NAME},
            "periodSeconds": _PROBE_PERIOD_SECONDS,
            "timeoutSeconds": _PROBE_TIMEOUT_SECONDS,
            "failureThreshold": _PROBE_FAILURES,
        },
        # The last output of a crash becomes the termination message, which status repeats to the owner.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if environment.image_pull_policy is not None:
        container["imagePullPolicy"] = environment.image_pull_policy
    if command:
        container["command"] = list(command)
    if args:
        container["args"] = list(args)
    if environment.working_dir is not None:
        container["workingDir"] = environment.working_dir
    return container


def _command(
    instance: WorkspaceInstance, environment: Environment, gateway: Gateway | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if environment.ide == "custom":
        return environment.command, environment.args
    more = _base_path(instance, gateway)
    return _CODE_SERVER_COMMAND, editor_arguments(environment, auth=("--auth=password",), more=more)


def editor_arguments(
    environment: Environment, *, auth: tuple[str, ...] = (), more: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Those of code-server. Without `auth` whoever starts it says who is let in."""
    return (
        f"--bind-addr=0.0.0.0:{environment.port}",
        *auth,
        "--disable-telemetry",
        "--disable-update-check",
        "--disable-getting-started-override",
        # The folder is the owner's home in a container that holds nothing else; asking whether they trust themselves
        # only stands between them and their terminal.
        "--disable-workspace-trust",
        *more,
        environment.working_dir or environment.home_path,
    )


def _base_path(instance: WorkspaceInstance, gateway: Gateway | None) -> tuple[str, ...]:
    """In path mode, what applications that insist on knowing their own path find before it at `/absproxy/<port>/`."""
    if gateway is None or gateway.mode == "subdomain":
        return ()
    return (f"--abs-proxy-base-path={path_base(instance.metadata.key)}",)


def _environment_variables(
    instance: WorkspaceInstance, environment: Environment, gateway: Gateway | None
) -> dict[str, Body]:
    variables = literal_variables(environment)
    if environment.ide == "code-server":
        reference = {"name": child_name(instance), "key": names.CREDENTIAL_KEY}
        credential = names.CREDENTIAL_VARIABLE
        variables[credential] = {"name": credential, "valueFrom": {"secretKeyRef": reference}}
        if gateway is not None and gateway.mode == "subdomain":
            # The editor's list of ports links there; it fills in the number. Its own default is right in path mode.
            address = environment_url(instance.metadata.key, gateway, port="{{port}}")
            variables.setdefault("VSCODE_PROXY_URI", {"name": "VSCODE_PROXY_URI", "value": address})
    return variables


def literal_variables(environment: Environment) -> dict[str, Body]:
    """Those of the template, by name."""
    variables: dict[str, Body] = {"HOME": {"name": "HOME", "value": environment.home_path}}
    return variables | {item.name: {"name": item.name, "value": item.value} for item in environment.env}


def _pull_secrets(environment: Environment) -> Body:
    if not environment.image_pull_secrets:
        return {}
    return {"imagePullSecrets": [{"name": secret.name} for secret in environment.image_pull_secrets]}


def _placement(scheduling: Scheduling) -> Body:
    placement: Body = {}
    if scheduling.node_selector:
        placement["nodeSelector"] = scheduling.node_selector
    if scheduling.tolerations:
        placement["tolerations"] = list(scheduling.tolerations)
    if scheduling.runtime_class_name is not None:
        placement["runtimeClassName"] = scheduling.runtime_class_name
    if scheduling.priority_class_name is not None:
        placement["priorityClassName"] = scheduling.priority_class_name
    if scheduling.topology_spread:
        placement["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
            }
        ]
    return placement
