package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func claim(requested, has string) *v1.PersistentVolumeClaim {
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "c", UID: "claim-uid"},
		Spec: v1.PersistentVolumeClaimSpec{
			AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Resources:   v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse(requested)}},
		},
		Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimBound, Capacity: v1.ResourceList{v1.ResourceStorage: resource.MustParse(has)}},
	}
}

func provision(t *testing.T, p *provisioner, change func(*controller.ProvisionOptions)) (*v1.PersistentVolume, error) {
	t.Helper()
	reclaim := v1.PersistentVolumeReclaimDelete
	options := controller.ProvisionOptions{
		StorageClass: &storagev1.StorageClass{ReclaimPolicy: &reclaim}, PVName: "pvc-1", PVC: claim("1Gi", "0"), SelectedNodeName: "node",
	}
	change(&options)
	volume, state, err := p.Provision(context.Background(), options)
	if state != controller.ProvisioningFinished {
		t.Errorf("state %s", state)
	}
	return volume, err
}

func TestProvisionMakesOneDirectoryHoweverOftenItIsAsked(t *testing.T) {
	p := &provisioner{volumes: t.TempDir(), node: "node"}
	for range 2 {
		volume, err := provision(t, p, func(*controller.ProvisionOptions) {})
		if err != nil {
			t.Fatal(err)
		}
		size := volume.Spec.Capacity[v1.ResourceStorage]
		terms := volume.Spec.NodeAffinity.Required.NodeSelectorTerms
		if size.String() != "1Gi" || volume.Spec.Local.Path != filepath.Join(p.volumes, "pvc-1") || terms[0].MatchExpressions[0].Values[0] != "node" {
			t.Errorf("volume %+v", volume.Spec)
		}
	}
	info, err := os.Stat(filepath.Join(p.volumes, "pvc-1"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("directory %v, %v", info, err)
	}
}

func TestProvisionRefusesWhatItCannotDo(t *testing.T) {
	p := &provisioner{volumes: t.TempDir(), node: "node"}
	for name, change := range map[string]func(*controller.ProvisionOptions){
		"no node selected":   func(o *controller.ProvisionOptions) { o.SelectedNodeName = "" },
		"another node":       func(o *controller.ProvisionOptions) { o.SelectedNodeName = "other" },
		"a selector for PVs": func(o *controller.ProvisionOptions) { o.PVC.Spec.Selector = &metav1.LabelSelector{} },
	} {
		if volume, err := provision(t, p, change); err == nil {
			t.Errorf("%s: got %v", name, volume)
		}
	}
	if entries, _ := os.ReadDir(p.volumes); len(entries) != 0 {
		t.Errorf("directories were made: %v", entries)
	}
}

func localVolume(name, path string) *v1.PersistentVolume {
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}}},
	}
}

func TestDeleteRemovesItsDirectoryAndNothingElse(t *testing.T) {
	base := t.TempDir()
	p, precious := &provisioner{volumes: filepath.Join(base, "volumes"), node: "node"}, filepath.Join(base, "precious")
	for _, dir := range []string{filepath.Join(p.volumes, "pvc-1", "sub"), filepath.Join(p.volumes, "pvc-2"), precious} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	keep := filepath.Join(precious, "file")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"pvc-1/link": precious, "pvc-3": precious} {
		if err := os.Symlink(target, filepath.Join(p.volumes, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		volume *v1.PersistentVolume
		good   bool
	}{
		"its own":                         {localVolume("pvc-1", filepath.Join(p.volumes, "pvc-1")), true},
		"its own, a second time":          {localVolume("pvc-1", filepath.Join(p.volumes, "pvc-1")), true},
		"one that became a symbolic link": {localVolume("pvc-3", filepath.Join(p.volumes, "pvc-3")), true},
		"another volume's":                {localVolume("pvc-1", filepath.Join(p.volumes, "pvc-2")), false},
		"outside":                         {localVolume("precious", precious), false},
		"outside by dots":                 {localVolume("../precious", p.volumes+"/../precious"), false},
		"outside by dots, cleaned":        {localVolume("../precious", precious), false},
		"all volumes":                     {localVolume(".", p.volumes), false},
		"no local volume":                 {&v1.PersistentVolume{}, false},
	} {
		if err := p.Delete(context.Background(), test.volume); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.volumes, "pvc-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	for _, path := range []string{keep, filepath.Join(p.volumes, "pvc-2")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}

func TestWantsMore(t *testing.T) {
	pending := claim("2Gi", "1Gi")
	pending.Status.Phase = v1.ClaimPending
	for name, test := range map[string]struct {
		claim *v1.PersistentVolumeClaim
		want  bool
	}{
		"asks for more":           {claim("2Gi", "1Gi"), true},
		"has what it asks for":    {claim("1Gi", "1Gi"), false},
		"asks for less":           {claim("1Gi", "2Gi"), false},
		"is not yet bound at all": {pending, false},
	} {
		if got := wantsMore(test.claim); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestExpandedHasTheCapacityAndNothingLeftToDo(t *testing.T) {
	before := claim("2Gi", "1Gi")
	before.Status.Conditions = []v1.PersistentVolumeClaimCondition{
		{Type: v1.PersistentVolumeClaimResizing}, {Type: "Other"}, {Type: v1.PersistentVolumeClaimFileSystemResizePending},
	}
	before.Status.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimNodeResizePending}
	after := expanded(before)
	size := after.Status.Capacity[v1.ResourceStorage]
	if size.String() != "2Gi" || len(after.Status.Conditions) != 1 || after.Status.Conditions[0].Type != "Other" || after.Status.AllocatedResourceStatuses != nil {
		t.Errorf("status %+v", after.Status)
	}
	if old := before.Status.Capacity[v1.ResourceStorage]; old.String() != "1Gi" || len(before.Status.Conditions) != 3 {
		t.Error("the input was changed")
	}
}

func TestOnlyOwnVolumesOfThisVeryClaimAreExpanded(t *testing.T) {
	volume := func(provisioner string, uid types.UID) *v1.PersistentVolume {
		return &v1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{provisionedBy: provisioner}},
			Spec:       v1.PersistentVolumeSpec{ClaimRef: &v1.ObjectReference{UID: uid}},
		}
	}
	for name, test := range map[string]struct {
		volume *v1.PersistentVolume
		want   bool
	}{
		"ours":                                 {volume(ProvisionerName, "claim-uid"), true},
		"of another provisioner":               {volume("other", "claim-uid"), false},
		"of an earlier claim of the same name": {volume(ProvisionerName, "old-uid"), false},
		"not bound":                            {&v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{provisionedBy: ProvisionerName}}}, false},
	} {
		if got := ours(test.volume, claim("2Gi", "1Gi")); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
