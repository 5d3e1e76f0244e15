package component

import (
	"fmt"

	"devcluster/internal/state"
)

// kubeRouter enforces NetworkPolicy and nothing else.
func kubeRouter(c *state.Cluster) *Component {
	component := program(c, "kube-router",
		"--kubeconfig="+kubeconfig(c, "kube-router"),
		"--hostname-override="+c.Node(),
		"--run-router=false",
		"--run-service-proxy=false",
		"--run-firewall=true",
		"--service-cluster-ip-range="+state.ServiceCIDR,
		"--health-port=20244",
		"--metrics-port=0",
	)
	component.Program = c.Bin("kube-router")
	component.check = httpCheck(c, "", "", fmt.Sprintf("http://%s:20244/healthz", c.NodeIP()))
	return component
}
