"""The headless Service of an environment: a stable name inside the cluster for scripts and for port previews."""

from collections.abc import Iterable

from devworkspace.api import names
from devworkspace.api.children import ContainerPort
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.render.common import Body, child_metadata, digest


def render_service(instance: WorkspaceInstance, ports: Iterable[ContainerPort]) -> Body:
    """`ports` are those of the editor's container."""
    spec: Body = {
        "clusterIP": "None",
        "selector": {names.LABEL_INSTANCE_UID: instance.metadata.uid},
        "ports": [
            {
                "name": port.name,
                "port": port.container_port,
                "targetPort": names.PORT_NAME if port.name == names.PORT_NAME else port.container_port,
                "protocol": port.protocol,
            }
            for port in ports
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(instance, inputs_hash=digest(spec)),
        "spec": spec,
    }
