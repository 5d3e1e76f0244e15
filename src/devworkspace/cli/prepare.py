"""From a bare machine to a running embedded cluster with the images on its node."""

import errno
import os
import socket
from pathlib import Path
from typing import Final

import click

from devworkspace.cli import shell
from devworkspace.cli.embedded import NODE_PORT, EmbeddedCluster
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.toolchain import install_packages, read_packages

IMAGES: Final = ("base", "devworkspace", "python", "nodejs", "go", "java")
STEPS: Final = 4
_LOOPBACK: Final = "127.0.0.1"


def prepare_embedded(project: Project, cluster: EmbeddedCluster, progress: Progress, *, port: int, audit: bool) -> str:
    """Returns the name of the program's build; raises ClickException with what is missing and what to do."""
    if os.geteuid() != 0:
        raise click.ClickException(
            phrase(
                "the embedded cluster needs root (network namespaces, mounts, containerd): run it with sudo, "
                "or point KUBECONFIG to a cluster of your own"
            )
        )
    with progress.step("Checking this machine and installing packages"):
        check_port(cluster, port)
        install_needed_packages(project, progress)
    # One core's worth of each: compilers wait for the linker, package managers for the disk and the network.
    with progress.step("Building Kubernetes and the images, side by side (several minutes the first time)"):
        images_log = progress.log_path.with_suffix(".images.log")
        with shell.Background([_builder(project), *IMAGES], output_file=images_log) as images:
            cluster.build(progress)
            progress.detail(phrase("images: see {log}", log=images_log))
            images.wait()
    with progress.step("Starting the cluster"):
        cluster.up(progress, publish=[f"{_LOOPBACK}:{port}:{NODE_PORT}"], audit=audit)
    with progress.step("Loading the images into the cluster"):
        archives = {name: Path(shell.output([_builder(project), "--print", name]).strip()) for name in IMAGES}
        load_images(project, cluster, archives, progress)
    return archives["devworkspace"].name


def install_needed_packages(project: Project, progress: Progress) -> None:
    """Installs what the embedded cluster and the image builds need; raises ClickException where it cannot."""
    packages = read_packages(project.root / "cluster" / "packages.txt", project.root / "images" / "packages.txt")
    install_packages(packages, progress)


def _builder(project: Project) -> Path:
    return project.root / "images" / "build.sh"


def check_port(cluster: EmbeddedCluster, port: int) -> None:
    """Says in the first second, not after minutes of building, that somebody else has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and cluster.publishes(port):
                return
            raise click.ClickException(
                phrase(
                    "port {port} of {address} cannot be used: {error}; "
                    "stop what listens there (ss -ltnp shows it), or choose another with --port",
                    port=port,
                    address=_LOOPBACK,
                    error=error.strerror,
                )
            ) from error


def load_images(project: Project, cluster: EmbeddedCluster, archives: dict[str, Path], progress: Progress) -> None:
    """Loads what the node lacks; images share most layers, so they go in one bundle that holds each layer once."""
    names = cluster.unloaded(archives)
    if not names:
        return
    progress.note("loading {names}", names=", ".join(names))
    new = {name: archives[name] for name in names}
    bundle = cluster.state / "images.tar"
    try:
        if len(new) > 1:
            shell.run([_builder(project), "--bundle", bundle, *names], log=progress.log, on_line=progress.detail)
        cluster.load_images(bundle if len(new) > 1 else archives[names[0]], new, progress)
    finally:
        bundle.unlink(missing_ok=True)
