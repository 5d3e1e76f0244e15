"""Reasons of conditions and events: CamelCase constants, part of the API. docs/CRD_SPEC.md explains each."""

from typing import Final

# Nothing is wrong.
RESOLVED: Final = "Resolved"
BOUND: Final = "Bound"
SCHEDULED: Final = "Scheduled"
PULLED: Final = "Pulled"
ANSWERING: Final = "Answering"
WAITING: Final = "Waiting"
STARTING: Final = "Starting"
STOPPING: Final = "Stopping"
STOPPED: Final = "Stopped"
DELETING: Final = "Deleting"
UP_TO_DATE: Final = "UpToDate"

# The template or the request.
TEMPLATE_MISSING: Final = "TemplateMissing"
TEMPLATE_HIDDEN: Final = "TemplateHidden"
TEMPLATE_NOT_ALLOWED: Final = "TemplateNotAllowed"
TEMPLATE_CHANGED: Final = "TemplateChanged"
OVERRIDE_NOT_ALLOWED: Final = "OverrideNotAllowed"
NAME_CONFLICT: Final = "NameConflict"

# The cluster refuses a write.
QUOTA_EXCEEDED: Final = "QuotaExceeded"
LIMIT_RANGE_EXCEEDED: Final = "LimitRangeExceeded"
POD_SECURITY_REFUSED: Final = "PodSecurityRefused"
NAMESPACE_TERMINATING: Final = "NamespaceTerminating"
ADMISSION_REFUSED: Final = "AdmissionRefused"

# The installation's own limits hold it back; it starts by itself.
OWNER_LIMIT_REACHED: Final = "OwnerLimitReached"
LIMITS_UNREADABLE: Final = "LimitsUnreadable"
START_QUEUED: Final = "StartQueued"

# The pod does not come up.
SCHEDULING_GATED: Final = "SchedulingGated"
UNSCHEDULABLE: Final = "Unschedulable"
SANDBOX_FAILED: Final = "SandboxFailed"
INIT_CONTAINER_FAILED: Final = "InitContainerFailed"
IMAGE_NOT_FOUND: Final = "ImageNotFound"
IMAGE_PULL_DENIED: Final = "ImagePullDenied"
IMAGE_PULL_NETWORK: Final = "ImagePullNetwork"
IMAGE_PULL_FAILED: Final = "ImagePullFailed"
IMAGE_NAME_INVALID: Final = "ImageNameInvalid"
MISSING_CONFIGURATION: Final = "MissingConfiguration"
START_TIMEOUT: Final = "StartTimeout"

# The pod came up and failed.
OUT_OF_MEMORY: Final = "OutOfMemory"
CRASH_LOOP: Final = "CrashLoop"
EDITOR_NOT_ANSWERING: Final = "EditorNotAnswering"
EVICTED: Final = "Evicted"
NODE_LOST: Final = "NodeLost"
POD_FAILED: Final = "PodFailed"

# The volume.
VOLUME_PENDING: Final = "VolumePending"
VOLUME_PROVISIONING_FAILED: Final = "VolumeProvisioningFailed"
VOLUME_MULTI_ATTACH: Final = "VolumeMultiAttach"
VOLUME_MOUNT_FAILED: Final = "VolumeMountFailed"
VOLUME_LOST: Final = "VolumeLost"
VOLUME_NOT_ADOPTABLE: Final = "VolumeNotAdoptable"
VOLUME_RESIZING: Final = "VolumeResizing"
VOLUME_RESIZE_REFUSED: Final = "VolumeResizeRefused"

# Events only: what happened, where no condition stays behind that would tell it.
RECOVERED: Final = "Recovered"
POD_REPLACED: Final = "PodReplaced"
VOLUME_ADOPTED: Final = "VolumeAdopted"
VOLUME_DELETED: Final = "VolumeDeleted"
VOLUME_RESIZED: Final = "VolumeResized"
STOPPED_IDLE: Final = "StoppedIdle"
STOPPED_MAX_RUN_DURATION: Final = "StoppedMaxRunDuration"
STOPPED_SCHEDULE: Final = "StoppedSchedule"
STARTED_SCHEDULE: Final = "StartedSchedule"
DELETION_PLANNED: Final = "DeletionPlanned"
DELETED_AFTER_STOPPED: Final = "DeletedAfterStopped"

# Conditions of a template.
ACCEPTED: Final = "Accepted"
TEMPLATE_UNREADABLE: Final = "TemplateUnreadable"
COUNTED: Final = "Counted"
INSTANCES_UNREADABLE: Final = "InstancesUnreadable"
SUCCESSOR_FOUND: Final = "SuccessorFound"
SUCCESSOR_MISSING: Final = "SuccessorMissing"
SUCCESSOR_HIDDEN: Final = "SuccessorHidden"
SUCCESSOR_CIRCULAR: Final = "SuccessorCircular"

# Events of a template.
PRE_PULL_FAILED: Final = "PrePullFailed"
PRE_PULLED: Final = "PrePulled"
