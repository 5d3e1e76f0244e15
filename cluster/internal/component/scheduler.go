package component

import (
	"fmt"

	"devcluster/internal/state"
)

func scheduler(c *state.Cluster) *Component {
	own := kubeconfig(c, "kube-scheduler")
	component := program(c, "kube-scheduler",
		"--kubeconfig="+own,
		"--authentication-kubeconfig="+own,
		"--authorization-kubeconfig="+own,
		"--bind-address="+c.NodeIP().String(),
		"--tls-cert-file="+pkiFile(c, "kubelet-server.crt"),
		"--tls-private-key-file="+pkiFile(c, "kubelet-server.key"),
		"--client-ca-file="+pkiFile(c, "ca.crt"),
		"--leader-elect=false", // as for the controller manager
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--profiling=false",
	)
	component.check = httpCheck(c, "ca", "admin", fmt.Sprintf("https://%s:10259/healthz", c.NodeIP()))
	return component
}
