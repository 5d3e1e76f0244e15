"""The Secret with the editor's credential, read by the kubelet only: operator and gateway derive its content."""

import base64

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.render.common import Body, child_metadata, digest

# An own type, which Kubernetes never lets anybody change: an apply over somebody else's Secret of the same name is
# refused by the API server, although the operator has no right to read Secrets and look first.
SECRET_TYPE = f"{names.GROUP}/editor-credential"


def render_secret(instance: WorkspaceInstance, credential: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": child_metadata(instance, inputs_hash=digest(credential)),
        "type": SECRET_TYPE,
        "data": {names.CREDENTIAL_KEY: base64.b64encode(credential.encode()).decode()},
    }
