// Package lifecycle holds what the verbs of devcluster do: up, down, status.
package lifecycle

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"devcluster/internal/cgroups"
	"devcluster/internal/mounts"
	"devcluster/internal/state"
)

// required are the files of other packages, with the Debian package that brings each.
var required = []struct{ file, pkg string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/ptp", "containernetworking-plugins"},
	{"/usr/lib/cni/host-local", "containernetworking-plugins"},
	{"/usr/lib/cni/portmap", "containernetworking-plugins"},
	{"/usr/lib/cni/loopback", "containernetworking-plugins"},
	{"nft", "nftables"},
	{"ipset", "ipset"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
}

// ownPrograms are what this cluster needs of those that cluster/build.sh builds.
func ownPrograms(c *state.Cluster) []string {
	if c.Simulation != "" {
		return []string{"kubernetes", "kwok", "devcluster"}
	}
	return []string{"kubernetes", "kube-router", "coredns", "metrics-server", "pause", "devcluster"}
}

// preflight refuses a start that cannot succeed, with all reasons at once, and decides about the snapshotter.
func preflight(c *state.Cluster) (warnings []string, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("must run as root: a cluster makes network namespaces, mounts and cgroups; use sudo")
	}
	problems := []error{missingPackages(), missingPrograms(c), cgroups.Check(), otherNode(), tooDeep(c.Dir)}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	c.Snapshotter = "overlayfs"
	if problem := mounts.OverlayWorks(c.Dir); problem != nil {
		c.Snapshotter = "native"
		warnings = append(warnings, fmt.Sprintf("overlay file systems cannot be mounted below %s (%v): "+
			"images are copied instead, which takes more disk space and time", c.Dir, problem))
	}
	return warnings, nil
}

func missingPackages() error {
	var missing []string
	packages := map[string]bool{}
	for _, need := range required {
		if _, err := exec.LookPath(need.file); err != nil {
			missing = append(missing, need.file)
			packages[need.pkg] = true
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var names []string
	for _, need := range required {
		if packages[need.pkg] {
			names = append(names, need.pkg)
			delete(packages, need.pkg)
		}
	}
	return fmt.Errorf("missing: %s; on Debian: apt-get install %s", strings.Join(missing, ", "), strings.Join(names, " "))
}

func missingPrograms(c *state.Cluster) error {
	var missing []string
	for _, program := range ownPrograms(c) {
		if _, err := exec.LookPath(c.Bin(program)); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing in %s: %s; build them with cluster/build.sh %s %s",
		c.BinDir, strings.Join(missing, ", "), c.BinDir, strings.Join(missing, " "))
}

// otherNode refuses a machine that is a Kubernetes node: the kubelet has its device plugins at one fixed place.
func otherNode() error {
	if entries, err := os.ReadDir("/var/lib/kubelet/pods"); err == nil && len(entries) > 0 {
		return errors.New("/var/lib/kubelet/pods is in use: this machine is a node of another Kubernetes cluster; use that one, or another machine")
	}
	return nil
}

// tooDeep refuses a folder in which the kubelet could not make its longest-named socket and would end without a word.
func tooDeep(dir string) error {
	const longest, kernelLimit = "/kubelet/pod-resources/kubelet.sock", 107
	if most := kernelLimit - len(longest); len(dir) > most {
		return fmt.Errorf("the path of the state directory has %d characters, at most %d are possible (unix sockets lie below it): %s; choose a shorter one with --state-dir",
			len(dir), most, dir)
	}
	return nil
}
