package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// Options of the provisioner.
type Options struct {
	Kubeconfig string
	// Volumes is the folder that holds one directory per volume.
	Volumes string
	Node    string
}

// Run provisions, expands and deletes volumes until ctx ends.
func Run(ctx context.Context, options Options) error {
	// 0700: what pods write is for this cluster alone.
	if err := os.MkdirAll(options.Volumes, 0o700); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", options.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	if err := startExpander(ctx, client, factory); err != nil {
		return err
	}
	provisioning := controller.NewProvisionController(ctx, client, ProvisionerName, &provisioner{volumes: options.Volumes, node: options.Node},
		controller.LeaderElection(false),
		controller.ClaimsInformer(factory.Core().V1().PersistentVolumeClaims().Informer()),
		controller.VolumesInformer(factory.Core().V1().PersistentVolumes().Informer()),
		controller.ClassesInformer(factory.Storage().V1().StorageClasses().Informer()),
		controller.Threadiness(8),
		controller.AddFinalizer(true),
	)
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("cannot read %s from the API server", kind)
		}
	}
	provisioning.Run(ctx)
	return errors.New("the provisioning loop has ended")
}

func startExpander(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory) error {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events("")})
	core := factory.Core().V1()
	expanding := &expander{
		client: client, claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(), queue: newQueue(),
		events: broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: ProvisionerName}),
	}
	_, err := core.PersistentVolumeClaims().Informer().AddEventHandlerWithResyncPeriod(cache.ResourceEventHandlerFuncs{
		AddFunc:    expanding.enqueue,
		UpdateFunc: func(_, now any) { expanding.enqueue(now) },
	}, time.Minute)
	go expanding.run(ctx)
	return err
}
