package component

import (
	"fmt"

	"devcluster/internal/state"
)

func metricsServer(c *state.Cluster) *Component {
	own := kubeconfig(c, "metrics-server")
	component := program(c, "metrics-server",
		"--kubeconfig="+own,
		"--authentication-kubeconfig="+own,
		"--authorization-kubeconfig="+own,
		"--bind-address="+c.NodeIP().String(),
		"--secure-port=4443",
		"--tls-cert-file="+pkiFile(c, "metrics-server-server.crt"),
		"--tls-private-key-file="+pkiFile(c, "metrics-server-server.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority="+pkiFile(c, "ca.crt"),
		"--metric-resolution=10s",
		"--kubelet-request-timeout=5s", // must be less than the resolution
	)
	component.Program = c.Bin("metrics-server")
	component.check = httpCheck(c, "ca", "admin", fmt.Sprintf("https://%s:4443/readyz", c.NodeIP()))
	return component
}
