"""`devworkspace install`: from a bare machine, or a cluster, to an editor that answers."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli import prepare
from devworkspace.cli.account import USERNAME, ensure_account
from devworkspace.cli.addressing import HELP, MODES
from devworkspace.cli.choices import recall, remember
from devworkspace.cli.deployment import Deployment, master_key_secret
from devworkspace.cli.embedded import NODE_PORT, EmbeddedCluster
from devworkspace.cli.helm import find_helm, say_helm
from devworkspace.cli.language import phrase
from devworkspace.cli.manifests import ByKubectl, Way
from devworkspace.cli.networks import find_own_networks, network_option
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project, find_project
from devworkspace.cli.releases import PARTS_RELEASE, ByHelm, check_release, find_release
from devworkspace.cli.target import Target, embedded_target, find_foreign
from devworkspace.core.address import AddressMode
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX

_STEPS: Final = 4
_START_SECONDS: Final = 180


@click.command("install")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before changing a cluster that is not the embedded one.")
@click.option("--embedded", is_flag=True, help="Use the embedded cluster even if another one is configured.")
@click.option("--port", type=int, help="Port on this machine for http://localhost:PORT/. Default: as before, or 8080.")
@click.option("--public-url", help="Where people reach the gateway. Default: as before, or http://localhost:PORT.")
@click.option("--address-mode", type=MODES, help=f"{HELP} Default: as before, or subdomain.")
@click.option(
    "--image-prefix", help=f"What stands before /<name>:<version>. Default: as before, or {DEFAULT_IMAGE_PREFIX}."
)
@click.option(
    "--operator-replicas",
    type=click.IntRange(1, 5),
    help="One works, the others stand by. Default: as before, or 1 on the embedded cluster and 2 elsewhere.",
)
@click.option(
    "--server-replicas",
    type=click.IntRange(1, 20),
    help="All of them serve. Default: as before, or 1 on the embedded cluster and 2 elsewhere.",
)
@network_option(
    default=(),
    help_text="What environments do not reach; may be repeated. Default: as before, or the cluster's own networks.",
)
@click.option(
    "--server-option",
    "server_options",
    multiple=True,
    metavar="--NAME=VALUE",
    help="Option for `devworkspace server`, such as --oidc-issuer=…; may be repeated. Default: as before; '' for none.",
)
@click.option(
    "--helm/--no-helm",
    default=None,
    help="Install the charts as Helm releases, or deploy/ with kubectl. Default: as before, or with kubectl.",
)
@click.option("--cluster-name", default="default", show_default=True, help="Name of the embedded cluster.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="State of the embedded cluster. Default: .local/cluster."
)
@click.option("--audit", is_flag=True, help="Let the embedded API server log every request (for tests).")
@click.option("--reset-password", is_flag=True, help="Make a new password for the administrator.")
def command(
    yes: bool,
    embedded: bool,
    port: int | None,
    public_url: str | None,
    address_mode: AddressMode | None,
    image_prefix: str | None,
    operator_replicas: int | None,
    server_replicas: int | None,
    blocked_networks: tuple[str, ...],
    server_options: tuple[str, ...],
    helm: bool | None,
    cluster_name: str,
    state_dir: Path | None,
    audit: bool,
    reset_password: bool,
) -> None:
    """Install DevWorkspace and open a first environment. Safe to repeat and to interrupt."""
    project = find_project()
    target = None if embedded else find_foreign(project)
    if target is None:
        target = embedded_target(project, EmbeddedCluster(project, name=cluster_name, state=state_dir))
    choices_file = target.local_file(project, "install.json")
    choices = recall(
        choices_file,
        port=port,
        public_url=public_url,
        address_mode=address_mode,
        image_prefix=image_prefix,
        operator_replicas=operator_replicas,
        server_replicas=server_replicas,
        blocked_networks=blocked_networks or None,
        server_options=tuple(filter(None, server_options)) if server_options else None,
        helm=helm,
    )
    deployment = Deployment(
        project=project,
        public_url=choices.address,
        address_mode=choices.address_mode,
        image_prefix=choices.image_prefix,
        operator_replicas=choices.operators(embedded=target.embedded is not None),
        server_replicas=choices.servers(embedded=target.embedded is not None),
        server_options=choices.server_options,
        node_port=NODE_PORT if target.embedded is not None else None,
    )
    steps = _STEPS + (prepare.STEPS if target.embedded is not None else 0) + (1 if choices.helm else 0)
    progress = Progress(total=steps, log_folder=project.logs, name="install")
    progress.say(
        phrase(
            "Installing DevWorkspace into {target}. Everything is logged to {log}",
            target=target.description,
            log=progress.log_path,
        )
    )
    if target.embedded is not None:
        build = prepare.prepare_embedded(project, target.embedded, progress, port=choices.port, audit=audit)
        deployment = replace(deployment, build=build)
    check_release(
        find_release(target.kubectl),
        helm=choices.helm,
        program=say_helm(project, kubeconfig=target.kubeconfig),
    )
    if target.embedded is None and not yes:
        _ask(target, choices.image_prefix, helm=choices.helm)
    networks = choices.blocked_networks or find_own_networks(target.kubectl)
    deployment = replace(deployment, blocked_networks=networks)
    remember(choices_file, choices)
    by_helm = _by_helm(project, target, deployment, progress) if choices.helm else None
    way = by_helm or ByKubectl(kubectl=target.kubectl, deployment=deployment, progress=progress)
    password = _deploy(project, target, deployment, progress, way=way, reset_password=reset_password)
    _farewell(target, deployment, progress, password=password, port=choices.port)
    if by_helm is not None:
        upgrade = by_helm.helm.words("upgrade", PARTS_RELEASE, str(project.charts / PARTS_RELEASE), "--reuse-values")
        progress.say(phrase("Go on with Helm (docs/HELM.md): {command}\n", command=upgrade))


def _ask(target: Target, image_prefix: str, *, helm: bool) -> None:
    click.echo(
        phrase(
            "This will add to {target}:\n"
            "  - two CustomResourceDefinitions (devworkspace.kubesphere.io)\n"
            "  - ValidatingAdmissionPolicies about environments, their pods and volumes, and templates in use\n"
            "  - namespace {namespace} with an operator and a server, and their ClusterRoles\n"
            "  - example templates, and one example environment in namespace default\n"
            "Its nodes must be able to get the images {prefix}/<name>:0.1.0 (README.md tells how to build and push "
            "them).",
            target=target.description,
            namespace=SYSTEM_NAMESPACE,
            prefix=image_prefix,
        )
    )
    if helm:
        click.echo(phrase("It does so as two Helm releases, and takes over what kubectl put there before."))
    click.confirm(phrase("Go on?"), abort=True)


def _by_helm(project: Project, target: Target, deployment: Deployment, progress: Progress) -> ByHelm:
    with progress.step("Finding Helm, or building it (about 4 minutes the first time)"):
        way = ByHelm(
            helm=find_helm(project, progress, kubeconfig=target.kubeconfig),
            kubectl=target.kubectl,
            deployment=deployment,
            progress=progress,
            values_file=target.local_file(project, "helm-values.yaml"),
        )
        way.check_states()
    return way


def _deploy(
    project: Project, target: Target, deployment: Deployment, progress: Progress, *, way: Way, reset_password: bool
) -> str | None:
    kubectl = target.kubectl
    with progress.step("Installing the API (CustomResourceDefinitions) and rights"):
        way.install_api()
        if not kubectl.exists("secret", "devworkspace-keys", namespace=SYSTEM_NAMESPACE):
            kubectl.create(master_key_secret())
        password = ensure_account(kubectl, target.local_file(project, "admin-password"), reset=reset_password)
    with progress.step("Starting operator and server"):
        way.start_parts()
    with progress.step("Publishing the example templates"):
        way.publish_templates()
    with progress.step("Opening the example environment and waiting for its editor"):
        instance = deployment.example_instance()
        # In path mode nobody but its owner opens an environment.
        instance["spec"]["owner"] = USERNAME
        name, namespace = instance["metadata"]["name"], instance["metadata"].get("namespace", "default")
        if not kubectl.exists("workspaceinstance", name, namespace=namespace):
            kubectl.create(instance)
        elif not kubectl.json("get", "workspaceinstance", name, f"--namespace={namespace}")["spec"].get(
            "running", True
        ):
            progress.note("{name} was stopped by its owner and stays so", name=f"{namespace}/{name}")
            return password
        kubectl.wait_phase(name, namespace=namespace, seconds=_START_SECONDS, progress=progress)
    return password


def _farewell(target: Target, deployment: Deployment, progress: Progress, *, password: str | None, port: int) -> None:
    instance = deployment.example_instance()
    name, namespace = instance["metadata"]["name"], instance["metadata"].get("namespace", "default")
    kubectl = "kubectl"
    if target.embedded is not None:
        kubectl = f"KUBECONFIG={target.embedded.kubeconfig} .local/bin/kubernetes kubectl"
    progress.say(phrase("\nDevWorkspace is ready after {seconds:.0f} s.\n", seconds=progress.elapsed))
    if target.embedded is None:
        forward = f"kubectl --namespace {SYSTEM_NAMESPACE} port-forward service/devworkspace-server {port}:80"
        progress.say(phrase("  Reach it with: {command}", command=forward))
    progress.say(phrase("  Address:   {address}", address=f"{deployment.public_url}/"))
    progress.say(phrase("  Account:   {account}", account=USERNAME))
    known = password or phrase("(made by another checkout; ./install.sh --reset-password makes a new one)")
    # Not through `progress`: the log keeps no password.
    click.echo(phrase("  Password:  {password}", password=known))
    stop = '{"spec":{"running":false}}'
    progress.say(
        phrase(
            "\nNext:\n"
            "  1. Sign in at {address}/ and open the environment {name!r}.\n"
            "  2. Stop it:  {stop}\n"
            "  3. List the templates:  {templates}   (docs/CRD_SPEC.md tells how to make an environment)\n",
            address=deployment.public_url,
            name=name,
            stop=f"{kubectl} patch wsi {name} -n {namespace} --type=merge -p '{stop}'",
            templates=f"{kubectl} get wst",
        )
    )
