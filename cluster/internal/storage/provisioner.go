// Package storage is the dynamic provisioner of the default StorageClass: one directory of the node per volume.
//
// The volumes are of type `local`, not `hostPath`: Kubernetes applies fsGroup to them and keeps pods on their node. A
// directory has no size of its own, so a volume's capacity is a promise and not a limit.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// ProvisionerName is what the StorageClass names.
const ProvisionerName = "devcluster/local"

type provisioner struct {
	volumes string
	node    string
}

// Provision makes the directory of a claim. Repeated calls for one claim give the same volume.
func (p *provisioner) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	if options.PVC.Spec.Selector != nil {
		return nil, controller.ProvisioningFinished, errors.New("a claim with a selector cannot be provisioned: remove spec.selector")
	}
	if options.SelectedNodeName != p.node {
		return nil, controller.ProvisioningFinished, fmt.Errorf("expected node %s to be selected for the claim, got %q: use volumeBindingMode WaitForFirstConsumer", p.node, options.SelectedNodeName)
	}
	dir := filepath.Join(p.volumes, options.PVName)
	// As a new file system: only root may write, unless the pod asks for an fsGroup. Others on the host are kept out by the
	// mode of the volumes folder itself.
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, controller.ProvisioningFinished, err
	}
	return p.volume(options, dir), controller.ProvisioningFinished, nil
}

func (p *provisioner) volume(options controller.ProvisionOptions, dir string) *v1.PersistentVolume {
	mode := v1.PersistentVolumeFilesystem
	thisNode := v1.NodeSelectorRequirement{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{p.node}}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			VolumeMode:                    &mode,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: dir}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{
				{MatchExpressions: []v1.NodeSelectorRequirement{thisNode}},
			}}},
		},
	}
}

// Delete removes the directory of a volume, and never anything else: whoever may edit a PersistentVolume could otherwise
// name any directory of the host.
func (p *provisioner) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	if volume.Spec.Local == nil || volume.Spec.Local.Path != filepath.Join(p.volumes, volume.Name) {
		return fmt.Errorf("refusing to delete volume %s: its path is not %s", volume.Name, filepath.Join(p.volumes, volume.Name))
	}
	root, err := os.OpenRoot(p.volumes) // resolves no symbolic link to the outside
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(volume.Name)
}
