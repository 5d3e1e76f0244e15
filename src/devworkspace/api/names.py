"""Names that are part of the API: groups, labels, annotations. They never change within a version."""

from typing import Final

GROUP: Final = "devworkspace.kubesphere.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

INSTANCE_KIND: Final = "WorkspaceInstance"
INSTANCE_PLURAL: Final = "workspaceinstances"
TEMPLATE_KIND: Final = "WorkspaceTemplate"
# `workspacetemplates` is KubeSphere's own word for something else; docs/CRD_SPEC.md tells the clash.
TEMPLATE_PLURAL: Final = "ideworkspacetemplates"
CONNECT_SUBRESOURCE: Final = "connect"
# What an environment may be called, as a regular expression for the whole name: it becomes part of an address.
INSTANCE_NAME: Final = "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"

FIELD_MANAGER: Final = "devworkspace-operator"
SERVER_FIELD_MANAGER: Final = "devworkspace-server"
SYSTEM_NAMESPACE: Final = "devworkspace-system"

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"

APP_NAME: Final = "devworkspace"
MANAGED_BY: Final = "devworkspace-operator"
COMPONENT_ENVIRONMENT: Final = "environment"
COMPONENT_SERVER: Final = "server"
COMPONENT_PREPULL: Final = "prepull"

LABEL_INSTANCE_UID: Final = f"{GROUP}/instance-uid"
# Which workspace of KubeSphere a namespace belongs to; none of ours.
LABEL_KUBESPHERE_WORKSPACE: Final = "kubesphere.io/workspace"
LABEL_RETAINED: Final = f"{GROUP}/retained"
# On a template that is tried before it is published, and on the environment that tries it.
LABEL_TRIAL: Final = f"{GROUP}/trial"
# On pods and volumes that were made in advance and that nobody has taken yet: the UID of their template.
LABEL_POOL: Final = f"{GROUP}/pool"

ANNOTATION_INPUTS_HASH: Final = f"{GROUP}/inputs-hash"
ANNOTATION_CREDENTIAL_KEY: Final = f"{GROUP}/credential-key"
ANNOTATION_TEMPLATE: Final = f"{GROUP}/template"
ANNOTATION_TEMPLATE_REVISION: Final = f"{GROUP}/template-revision"
ANNOTATION_INSTANCE: Final = f"{GROUP}/instance"
ANNOTATION_OWNER: Final = f"{GROUP}/owner"
ANNOTATION_OWNER_SUBJECT: Final = f"{GROUP}/owner-subject"
ANNOTATION_RETAINED_AT: Final = f"{GROUP}/retained-at"
# On a volume that is about to go with its environment: the UID of that. Without it the API server lets the operator
# delete no volume that was ever somebody's (deploy/policies.yaml, devworkspace-volumes).
ANNOTATION_DELETE_APPROVED: Final = f"{GROUP}/delete-approved"
ANNOTATION_RESTARTED_AT: Final = f"{GROUP}/restartedAt"
# On an instance, with the value of `restartedAt`, and on its pod: this start is a safe one (core/safemode.py).
ANNOTATION_SAFE_START: Final = f"{GROUP}/safe-start"
ANNOTATION_PAUSED: Final = f"{GROUP}/paused"
ANNOTATION_ADOPT_VOLUME: Final = f"{GROUP}/adopt-volume"
# Up to when the servers have written all that they know of activity: the renewTime of this Lease.
ACTIVITY_LEASE: Final = "devworkspace-activity"
# What one person may have, and how many start at once: an admin's ConfigMap.
LIMITS_CONFIG_MAP: Final = "devworkspace-limits"
# Which operator works.
OPERATOR_LEASE: Final = "devworkspace-operator"
OPERATOR_DEPLOYMENT: Final = "devworkspace-operator"
OPERATOR_CONTAINER: Final = "operator"
# DaemonSets that hold images on nodes, beside the operator.
PREPULL_PREFIX: Final = "devworkspace-prepull-"
ANNOTATION_STOPPED_FOR: Final = f"{GROUP}/stopped-for"
# Who stopped it and why, in that person's words: core/stopnote.py.
ANNOTATION_STOP_NOTE: Final = f"{GROUP}/stop-note"
# On a pod, when it is stopped and why; its editor reads it as the file `stops` in this folder.
ANNOTATION_STOPS: Final = f"{GROUP}/stops"
# On an instance, as whom its Git commits, `Name <e-mail>`; on its pod the same as Git's settings, read as a file.
ANNOTATION_GIT_USER: Final = f"{GROUP}/git-user"
ANNOTATION_GIT_SETTINGS: Final = f"{GROUP}/git-settings"
# On a pod: what it clones, as JSON, read as a file; one that was made in advance has it empty until it is taken.
ANNOTATION_REPOSITORY: Final = f"{GROUP}/repository"
# On templates: the person for whom the server last wrote it.
ANNOTATION_CHANGED_BY: Final = f"{GROUP}/changed-by"
# On a new instance: `skip` wants no pod that was made in advance.
ANNOTATION_WARM_POOL: Final = f"{GROUP}/warm-pool"
ANNOTATION_POOL_REVISION: Final = f"{GROUP}/pool-revision"
# On a pod that was made in advance: when it was taken, and what its editor is told, as the file `claim`. No secret.
ANNOTATION_CLAIMED_AT: Final = f"{GROUP}/claimed-at"
ANNOTATION_CLAIM: Final = f"{GROUP}/claim"
ANNOTATION_FORCE_DELETE: Final = f"{GROUP}/force-delete"

# Only on environments whose volume goes with them; all others are deleted without any help of the operator.
FINALIZER_DELETE_VOLUME: Final = f"{GROUP}/delete-volume"

CONTAINER_NAME: Final = "workspace"
VOLUME_NAME: Final = "home"
CLOCK_VOLUME: Final = "clock"
CLOCK_FOLDER: Final = "/etc/devworkspace"
PORT_NAME: Final = "dw-editor"
CREDENTIAL_KEY: Final = "hashed-password"
CREDENTIAL_VARIABLE: Final = "HASHED_PASSWORD"
# Where an editor that was made in advance finds what it is told, instead of a credential.
CLAIM_VARIABLE: Final = "DEVWORKSPACE_CLAIM"
# What it knows the gateway's word for its first owner by, and the header with that word (core/credential.py).
LOCK_VARIABLE: Final = "DEVWORKSPACE_LOCK"
OPENING_HEADER: Final = "X-DevWorkspace-Opening"
# Where the editor speaks ssh on a WebSocket of this protocol, and the header with the key for this one connection.
SSH_PATH: Final = "/devworkspace/ssh"
SSH_PROTOCOL: Final = "ssh.devworkspace.kubesphere.io"
SSH_KEY_HEADER: Final = "X-DevWorkspace-SSH-Key"

# Where clouds tell every pod who its node is, credentials included.
LINK_LOCAL_NETWORKS: Final = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")
