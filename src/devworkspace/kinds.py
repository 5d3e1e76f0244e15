"""Our kinds, and the definition of one, as the API server serves them."""

from typing import Final

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import Resource

INSTANCES: Final = Resource(names.GROUP, names.VERSION, names.INSTANCE_PLURAL, names.INSTANCE_KIND)
TEMPLATES: Final = Resource(names.GROUP, names.VERSION, names.TEMPLATE_PLURAL, names.TEMPLATE_KIND, namespaced=False)
CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
INSTANCE_CRD: Final = Key("", f"{names.INSTANCE_PLURAL}.{names.GROUP}")
