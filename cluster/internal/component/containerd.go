package component

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"time"

	"devcluster/internal/image"
	"devcluster/internal/state"
)

// containerdConfig: every path is below the state or the run directory, so that a containerd of the system is untouched.
// restrict_oom_score_adj lets it run where CAP_SYS_RESOURCE is missing; AppArmor profiles would be loaded into the host.
const containerdConfig = `version = 2
root = %[1]q
state = %[2]q
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = %[3]q

[plugins."io.containerd.internal.v1.opt"]
  path = %[4]q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[5]q
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %[6]q

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = %[8]q

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %[7]q
`

// cniConfig: ptp and not bridge, because a packet from pod to pod then always passes the node's routing, where
// NetworkPolicy is enforced; across a bridge it does so only with the kernel module br_netfilter.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": %[1]q,
  "plugins": [
    {"type": "ptp", "ipMasq": false, "mtu": %[4]d, "ipam": {"type": "host-local", "dataDir": %[2]q, "ranges": [[{"subnet": %[3]q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

func containerd(c *state.Cluster) *Component {
	config := c.Path("config", "containerd.toml")
	component := program(c, "containerd", "--config", config)
	component.Program = "/usr/bin/containerd"
	component.grace = 10 * time.Second
	component.prepare = func() error {
		name, err := image.PauseName(c.Bin("pause"))
		if err != nil {
			return err
		}
		content := fmt.Sprintf(containerdConfig, c.Path("containerd"), c.Run("containerd"), c.Run("containerd.sock"),
			c.Path("containerd", "opt"), name, c.Snapshotter, c.Path("config", "cni"), c.Run("runc"))
		network := fmt.Sprintf(cniConfig, c.Node(), c.Run("cni"), state.PodCIDR, hostMTU())
		if err := state.WriteFile(c.Path("config", "cni", "10-devcluster.conflist"), []byte(network), 0o644); err != nil {
			return err
		}
		return state.WriteFile(config, []byte(content), 0o644)
	}
	component.check = func(ctx context.Context) error {
		return exec.CommandContext(ctx, "ctr", "--address", c.Run("containerd.sock"), "version").Run()
	}
	return component
}

// hostMTU is the smallest MTU of the host's own interfaces: a pod's bigger packet would have to be cut on its way out.
func hostMTU() int {
	smallest := 1500
	interfaces, err := net.Interfaces()
	if err != nil {
		return smallest
	}
	for _, candidate := range interfaces {
		if candidate.Flags&net.FlagUp != 0 && candidate.Flags&net.FlagLoopback == 0 && candidate.MTU >= 1280 && candidate.MTU < smallest {
			smallest = candidate.MTU
		}
	}
	return smallest
}
