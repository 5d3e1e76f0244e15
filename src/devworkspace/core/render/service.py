"""The headless Service of an environment: a stable name inside the cluster for scripts and for port previews."""

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.render.common import Body, child_metadata, digest
from devworkspace.core.resolve import Settings


def render_service(instance: WorkspaceInstance, settings: Settings) -> Body:
    ports: list[Body] = [
        {"name": names.PORT_NAME, "port": settings.environment.port, "targetPort": names.PORT_NAME, "protocol": "TCP"}
    ]
    ports += [
        {"name": port.name, "port": port.container_port, "targetPort": port.container_port, "protocol": port.protocol}
        for port in settings.ports
        if port.container_port != settings.environment.port
    ]
    spec: Body = {
        "clusterIP": "None",
        "selector": {names.LABEL_INSTANCE_UID: instance.metadata.uid},
        "ports": ports,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(instance, inputs_hash=digest(spec)),
        "spec": spec,
    }
