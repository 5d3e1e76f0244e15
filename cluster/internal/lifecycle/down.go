package lifecycle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"devcluster/internal/cgroups"
	"devcluster/internal/component"
	"devcluster/internal/mounts"
	"devcluster/internal/network"
	"devcluster/internal/proc"
	"devcluster/internal/state"
)

// podGrace is the time that the programs in pods have to end by themselves.
const podGrace = 8 * time.Second

// Down stops the cluster and leaves nothing of it on the machine but the state directory, and with deleteData not even
// that. It can be repeated, and cleans up after a crash as well.
func Down(stateDir string, deleteData bool, out io.Writer) error {
	c, exists, err := state.Open(stateDir)
	if err != nil {
		return err
	}
	if !exists {
		fmt.Fprintf(out, "no cluster in %s\n", c.Dir)
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("must run as root, as up did; use sudo")
	}
	unlock, err := lock(c.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	started := time.Now()
	for _, step := range []struct {
		name string
		do   func(*state.Cluster) error
	}{
		{"stop the supervisor", stopSupervisor},
		{"stop the components", component.StopAll},
		{"stop the pods", stopPods},
		{"unmount", unmount},
		{"remove the network", removeNetwork},
		{"remove the cgroups", func(c *state.Cluster) error { return cgroups.Remove(c.Node()) }},
		{"remove files outside of the state directory", removeStrayFiles},
	} {
		if err := step.do(c); err != nil {
			return fmt.Errorf("%s: %w; what is left can be removed by another devcluster down", step.name, err)
		}
		fmt.Fprintf(out, "%5.1f s  %s\n", time.Since(started).Seconds(), step.name)
	}
	if !deleteData {
		fmt.Fprintf(out, "cluster %q is down; its data stays in %s\n", c.Name, c.Dir)
		return nil
	}
	if err := deleteState(c); err != nil {
		return err
	}
	fmt.Fprintf(out, "cluster %q is down and its data deleted\n", c.Name)
	return nil
}

func stopSupervisor(c *state.Cluster) error {
	running, err := proc.Find(c.Dir)
	if err != nil {
		return err
	}
	for _, process := range running {
		if process.Component == "supervisor" {
			if err := process.Stop(c.Dir, supervisorEnd); err != nil {
				return err
			}
		}
	}
	return nil
}

// stopPods ends what runs in pods, then everything else in the cluster's cgroup, which is the shims.
func stopPods(c *state.Cluster) error {
	if err := cgroups.Kill(c.Node(), "kubepods", podGrace); err != nil {
		return err
	}
	return cgroups.Kill(c.Node(), "", time.Second)
}

func unmount(c *state.Cluster) error {
	// The namespace's own mount lies below the run directory: it goes with the network.
	for _, dir := range []string{c.Run("containerd"), c.Dir} {
		if err := mounts.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}

func removeNetwork(c *state.Cluster) error {
	if err := network.DeleteNamespace(c.Run("netns"), c.Node()); err != nil {
		return err
	}
	if c.Link < 0 {
		return nil
	}
	return network.Disconnect(c)
}

// removeStrayFiles removes what containerd and the kubelet leave at places that cannot be configured.
func removeStrayFiles(c *state.Cluster) error {
	bundles, err := filepath.Glob(c.Run("containerd", "io.containerd.runtime.v2.task", "k8s.io", "*"))
	failures := []error{err}
	for _, bundle := range bundles {
		failures = append(failures, removeOfContainer(bundle))
	}
	failures = append(failures, removeLogLinks(c), os.RemoveAll(c.Run()))
	if last, err := lastOnMachine(); err != nil || last {
		failures = append(failures, err, removeDevicePlugins(), os.RemoveAll(state.RunRoot))
	}
	for _, dir := range []string{"/var/lib/cni/results", "/var/lib/cni", "/var/log/containers", "/run/containerd/s", "/run/containerd"} {
		_ = os.Remove(dir) // only succeeds when it is empty
	}
	return errors.Join(failures...)
}

// removeOfContainer removes a container's shim socket, which its bundle names, and the cached answers of the CNI plugins.
func removeOfContainer(bundle string) error {
	files, err := filepath.Glob("/var/lib/cni/results/*-" + filepath.Base(bundle) + "-*")
	failures := []error{err}
	if address, err := os.ReadFile(filepath.Join(bundle, "address")); err == nil {
		if socket := strings.TrimPrefix(string(address), "unix://"); strings.HasPrefix(socket, "/run/containerd/s/") {
			files = append(files, socket)
		}
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// removeLogLinks: the kubelet links the logs of all containers in one folder.
func removeLogLinks(c *state.Cluster) error {
	links, err := filepath.Glob("/var/log/containers/*.log")
	failures := []error{err}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, c.Dir+"/") {
			failures = append(failures, os.Remove(link))
		}
	}
	return errors.Join(failures...)
}

// lastOnMachine tells whether no other cluster has a run directory here.
func lastOnMachine() (bool, error) {
	entries, err := os.ReadDir(state.RunRoot)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			return false, err
		}
	}
	return true, err
}

// removeDevicePlugins clears the kubelet's one fixed folder, unless another kubelet of this machine has put more there.
func removeDevicePlugins() error {
	for _, name := range []string{"kubelet.sock", "kubelet_internal_checkpoint", "DEPRECATION"} {
		if err := os.Remove(filepath.Join("/var/lib/kubelet/device-plugins", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove("/var/lib/kubelet/device-plugins")
	_ = os.Remove("/var/lib/kubelet")
	return nil
}

// deleteState removes the state directory, never through a mount: that could be somebody else's data.
func deleteState(c *state.Cluster) error {
	left, err := mounts.Below(c.Dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("the data in %s was not deleted: still mounted: %s", c.Dir, strings.Join(left, ", "))
	}
	return os.RemoveAll(c.Dir)
}
