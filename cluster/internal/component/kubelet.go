package component

import (
	"fmt"
	"os"
	"strings"

	"devcluster/internal/state"
)

// kubeletConfig: the thresholds are low because the machine is shared, and an evaluation must not be evicted because the
// user's own disk is rather full.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
healthzBindAddress: %[1]s
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[2]s}
authorization: {mode: Webhook}
tlsCertFile: %[3]s
tlsPrivateKeyFile: %[4]s
containerRuntimeEndpoint: unix://%[5]s
cgroupDriver: cgroupfs
cgroupRoot: /%[6]s
failCgroupV1: false
failSwapOn: false
clusterDNS: [%[7]s]
clusterDomain: %[8]s
resolvConf: %[9]s
podLogsDir: %[10]s
volumePluginDir: %[11]s
maxPods: 250
serializeImagePulls: false
kubeAPIQPS: 100
kubeAPIBurst: 200
eventRecordQPS: 50
eventBurst: 100
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard:
  memory.available: 100Mi
  nodefs.available: 1%%
  nodefs.inodesFree: 1%%
  imagefs.available: 1%%
`

func kubelet(c *state.Cluster) *Component {
	config, resolver := c.Path("config", "kubelet.yaml"), c.Path("config", "resolv.conf")
	component := program(c, "kubelet",
		"--config="+config,
		"--kubeconfig="+kubeconfig(c, "kubelet"),
		"--root-dir="+c.Path("kubelet"),
		"--cert-dir="+c.Path("kubelet", "pki"),
		"--hostname-override="+c.Node(),
		"--node-ip="+c.NodeIP().String(),
	)
	component.prepare = func() error {
		if err := state.WriteFile(resolver, []byte(resolvConf(upstreams())), 0o644); err != nil {
			return err
		}
		content := fmt.Sprintf(kubeletConfig, c.NodeIP(), pkiFile(c, "ca.crt"), pkiFile(c, "kubelet-server.crt"),
			pkiFile(c, "kubelet-server.key"), c.Run("containerd.sock"), c.Node(), state.DNSService, state.Domain, resolver,
			c.Path("pod-logs"), c.Path("kubelet", "flex-volume-plugins"))
		return state.WriteFile(config, []byte(content), 0o644)
	}
	component.check = httpCheck(c, "", "", fmt.Sprintf("http://%s:10248/healthz", c.NodeIP()))
	return component
}

// resolverFiles in the order to look: systemd-resolved writes a file with loopback in /etc and keeps the real one apart.
var resolverFiles = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// upstreams are the host's name servers that can be reached from another network namespace: none on loopback.
func upstreams() []string {
	for _, file := range resolverFiles {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if servers := parseNameservers(string(data)); len(servers) > 0 {
			return servers
		}
	}
	return nil
}

func parseNameservers(file string) []string {
	var servers []string
	for _, line := range strings.Split(file, "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "nameserver" && !strings.HasPrefix(fields[1], "127.") && !strings.Contains(fields[1], ":") {
			servers = append(servers, fields[1])
		}
	}
	return servers
}

func resolvConf(servers []string) string {
	var content strings.Builder
	for _, server := range servers {
		content.WriteString("nameserver " + server + "\n")
	}
	return content.String()
}
