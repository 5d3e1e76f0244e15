// Package state knows where a cluster keeps its files and what it remembers between runs.
//
// Two directories: the state directory (chosen by the user; survives a reboot) and the run directory
// /run/devcluster/<name> (sockets, the network namespace, container bundles; worthless after a reboot). Sockets live in
// the run directory because a unix socket's path may have 107 bytes at most and a state directory can be deeper.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
)

const (
	RunRoot     = "/run/devcluster"
	PodCIDR     = "10.244.0.0/16"
	ServiceCIDR = "10.96.0.0/16"
	APIService  = "10.96.0.1"
	DNSService  = "10.96.0.10"
	Domain      = "cluster.local"
	APIPort     = 6443
)

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Config is what `up` remembers, so that a later plain `up` brings the same cluster back.
type Config struct {
	Name string `json:"name"`
	// Link is the number of the node's /30 network within 10.87.0.0/16; -1 until one is chosen.
	Link             int      `json:"link"`
	BinDir           string   `json:"binDir"`
	Publish          []string `json:"publish"`
	Audit            bool     `json:"audit"`
	UnsafeNoFsync    bool     `json:"unsafeNoFsync"`
	ControlPlaneOnly bool     `json:"controlPlaneOnly"`
	// Simulation is KWOK's configuration file: nodes and pods are objects then, and nothing runs in them. "" is a real node.
	Simulation  string `json:"simulation"`
	Snapshotter string `json:"snapshotter"`
	// BootID tells a reboot: what the run directory holds is then left over from another life of the machine.
	BootID string `json:"bootID"`
}

// Cluster is one cluster: its state directory and its configuration.
type Cluster struct {
	Dir string
	Config
}

// Open reads the cluster of a state directory; exists is false when the directory holds none yet.
func Open(dir string) (cluster *Cluster, exists bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, false, err
	}
	cluster = &Cluster{Dir: dir, Config: Config{Link: -1}}
	data, err := os.ReadFile(cluster.configFile())
	if errors.Is(err, fs.ErrNotExist) {
		return cluster, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(data, &cluster.Config); err != nil {
		return nil, false, fmt.Errorf("%s is damaged (%w): remove the state directory to start anew", cluster.configFile(), err)
	}
	if err := CheckName(cluster.Name); err != nil {
		return nil, false, fmt.Errorf("%s: %w", cluster.configFile(), err)
	}
	return cluster, true, nil
}

// CheckName refuses names that do not fit a path, a cgroup, an nft table and a node name at once.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("cluster name %q: expected 1 to 40 of a-z, 0-9 and '-', with a letter or digit at both ends", name)
	}
	return nil
}

// Save writes the configuration.
func (c *Cluster) Save() error {
	data, err := json.MarshalIndent(c.Config, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(c.configFile(), append(data, '\n'), 0o600)
}

func (c *Cluster) configFile() string { return filepath.Join(c.Dir, "config.json") }

// Path is a path below the state directory.
func (c *Cluster) Path(elements ...string) string {
	return filepath.Join(append([]string{c.Dir}, elements...)...)
}

// Run is a path below the run directory.
func (c *Cluster) Run(elements ...string) string {
	return filepath.Join(append([]string{RunRoot, c.Name}, elements...)...)
}

// Bin is the path of one of the cluster's own programs.
func (c *Cluster) Bin(program string) string { return filepath.Join(c.BinDir, program) }

// Node is the node's name, and the name of the cluster's cgroup and network namespace.
func (c *Cluster) Node() string { return "dw-" + c.Name }

// Table is the name of the cluster's nft table on the host.
func (c *Cluster) Table() string { return "devcluster-" + c.Name }

// HostInterface is the host's end of the cable to the node. Interface names have 15 bytes, so it carries the number.
func (c *Cluster) HostInterface() string { return fmt.Sprintf("dw-%d", c.Link) }

// LinkPrefix is the network between host and node.
func (c *Cluster) LinkPrefix() netip.Prefix { return LinkPrefix(c.Link) }

// HostIP is the host's address on the link, NodeIP the node's.
func (c *Cluster) HostIP() netip.Addr { return c.LinkPrefix().Addr().Next() }

// NodeIP is the address of the node and of the API server.
func (c *Cluster) NodeIP() netip.Addr { return c.HostIP().Next() }

// Server is the URL of the API server.
func (c *Cluster) Server() string { return fmt.Sprintf("https://%s:%d", c.NodeIP(), APIPort) }

// Links is how many /30 networks 10.87.0.0/16 has.
const Links = 1 << 14

// LinkPrefix is the number-th /30 of 10.87.0.0/16.
func LinkPrefix(number int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 87, byte(number >> 6), byte(number<<2) & 0xff}), 30)
}

// Kubeconfig is the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.Path("kubeconfig") }

// WriteFile writes a file as a whole: a reader, or a crash, meets the old or the new content.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// CurrentBootID is the kernel's identity of this boot.
func CurrentBootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(data[:len(data)-1])
}
