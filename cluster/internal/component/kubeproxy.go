package component

import (
	"fmt"

	"devcluster/internal/state"
)

// kubeProxyConfig: the conntrack limits belong to the host and cannot be set from a network namespace.
const kubeProxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: %[1]s
hostnameOverride: %[2]s
bindAddress: %[3]s
healthzBindAddress: %[3]s:10256
metricsBindAddress: %[3]s:10249
clientConnection: {kubeconfig: %[4]s, qps: 100, burst: 200}
nftables: {minSyncPeriod: 0s, syncPeriod: 5m}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`

func kubeProxy(c *state.Cluster) *Component {
	config := c.Path("config", "kube-proxy.yaml")
	component := program(c, "kube-proxy", "--config="+config)
	component.prepare = func() error {
		content := fmt.Sprintf(kubeProxyConfig, state.PodCIDR, c.Node(), c.NodeIP(), kubeconfig(c, "kube-proxy"))
		return state.WriteFile(config, []byte(content), 0o644)
	}
	component.check = httpCheck(c, "", "", fmt.Sprintf("http://%s:10256/healthz", c.NodeIP()))
	return component
}
