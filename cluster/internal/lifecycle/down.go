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
	failures := []error{removeShimSockets(c)}
	for _, pattern := range []string{
		filepath.Join("/var/lib/cni/results", c.Node()+"-*"),
		"/var/log/containers/*.log",
	} {
		matches, err := filepath.Glob(pattern)
		failures = append(failures, err)
		for _, match := range matches {
			if target, err := os.Readlink(match); err == nil && !strings.HasPrefix(target, c.Dir+"/") {
				continue // the log of another cluster's container
			}
			failures = append(failures, os.Remove(match))
		}
	}
	failures = append(failures, os.RemoveAll(c.Run()))
	if others, err := filepath.Glob(state.RunRoot + "/*"); err == nil && len(others) == 0 {
		failures = append(failures, os.RemoveAll(state.RunRoot), removeDevicePlugins())
	}
	for _, dir := range []string{"/var/lib/cni/results", "/var/lib/cni", "/var/log/containers", "/run/containerd/s", "/run/containerd"} {
		_ = os.Remove(dir) // only succeeds when it is empty
	}
	return errors.Join(failures...)
}

// removeShimSockets: containerd puts them below /run/containerd whatever its configuration says, and names them in the bundle.
func removeShimSockets(c *state.Cluster) error {
	files, err := filepath.Glob(c.Run("containerd", "io.containerd.runtime.v2.task", "*", "*", "address"))
	failures := []error{err}
	for _, file := range files {
		address, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		socket := strings.TrimPrefix(string(address), "unix://")
		if !strings.HasPrefix(socket, "/run/containerd/s/") {
			continue
		}
		if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
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
