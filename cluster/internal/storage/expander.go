package storage

import (
	"context"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const provisionedBy = "pv.kubernetes.io/provisioned-by"

// expander raises the capacity of claims that ask for more. The directory needs nothing done to it.
type expander struct {
	client  kubernetes.Interface
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	queue   workqueue.TypedRateLimitingInterface[cache.ObjectName]
	events  record.EventRecorder
}

// enqueue is the event handler of the claims' informer.
func (e *expander) enqueue(object any) {
	claim, ok := object.(*v1.PersistentVolumeClaim)
	if ok && wantsMore(claim) {
		e.queue.Add(cache.MetaObjectToName(claim))
	}
}

func (e *expander) run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		e.queue.ShutDown()
	}()
	for {
		key, shutdown := e.queue.Get()
		if shutdown {
			return
		}
		if err := e.sync(ctx, key); err != nil {
			klog.ErrorS(err, "Expansion failed, trying again", "claim", key)
			e.queue.AddRateLimited(key)
		} else {
			e.queue.Forget(key)
		}
		e.queue.Done(key)
	}
}

func (e *expander) sync(ctx context.Context, key cache.ObjectName) error {
	claim, err := e.claims.PersistentVolumeClaims(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	volume, err := e.volumes.Get(claim.Spec.VolumeName)
	if err != nil {
		return err
	}
	if !ours(volume, claim) || !wantsMore(claim) {
		return nil
	}
	size := wanted(claim)
	e.events.Eventf(claim, v1.EventTypeNormal, "Resizing", "Resizing volume %s to %s", volume.Name, size.String())
	if capacity := volume.Spec.Capacity[v1.ResourceStorage]; capacity.Cmp(size) < 0 {
		bigger := volume.DeepCopy()
		bigger.Spec.Capacity[v1.ResourceStorage] = size
		if _, err := e.client.CoreV1().PersistentVolumes().Update(ctx, bigger, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if _, err := e.client.CoreV1().PersistentVolumeClaims(key.Namespace).UpdateStatus(ctx, expanded(claim), metav1.UpdateOptions{}); err != nil {
		return err
	}
	e.events.Eventf(claim, v1.EventTypeNormal, "VolumeResizeSuccessful", "Resized volume to %s", size.String())
	return nil
}

// ours tells whether the volume was made by this provisioner and belongs to this very claim.
func ours(volume *v1.PersistentVolume, claim *v1.PersistentVolumeClaim) bool {
	return volume.Annotations[provisionedBy] == ProvisionerName && volume.Spec.ClaimRef != nil && volume.Spec.ClaimRef.UID == claim.UID
}

func wanted(claim *v1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[v1.ResourceStorage]
}

func wantsMore(claim *v1.PersistentVolumeClaim) bool {
	have := claim.Status.Capacity[v1.ResourceStorage]
	return claim.Status.Phase == v1.ClaimBound && have.Cmp(wanted(claim)) < 0
}

// expanded is the claim after its expansion: the capacity it asked for, and nothing left to do.
func expanded(claim *v1.PersistentVolumeClaim) *v1.PersistentVolumeClaim {
	result := claim.DeepCopy()
	result.Status.Capacity[v1.ResourceStorage] = wanted(claim)
	result.Status.AllocatedResources = v1.ResourceList{v1.ResourceStorage: wanted(claim)}
	result.Status.AllocatedResourceStatuses = nil
	result.Status.Conditions = slices.DeleteFunc(result.Status.Conditions, func(condition v1.PersistentVolumeClaimCondition) bool {
		return condition.Type == v1.PersistentVolumeClaimResizing || condition.Type == v1.PersistentVolumeClaimFileSystemResizePending
	})
	return result
}

func newQueue() workqueue.TypedRateLimitingInterface[cache.ObjectName] {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](10*time.Millisecond, 30*time.Second))
}
