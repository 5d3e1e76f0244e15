package component

import (
	"fmt"

	"devcluster/internal/state"
)

func controllerManager(c *state.Cluster) *Component {
	own := kubeconfig(c, "kube-controller-manager")
	component := program(c, "kube-controller-manager",
		"--kubeconfig="+own,
		"--authentication-kubeconfig="+own,
		"--authorization-kubeconfig="+own,
		"--bind-address="+c.NodeIP().String(),
		"--tls-cert-file="+pkiFile(c, "kubelet-server.crt"),
		"--tls-private-key-file="+pkiFile(c, "kubelet-server.key"),
		"--client-ca-file="+pkiFile(c, "ca.crt"),
		// There is one of them: an election would only delay a restart by the life of the old lease.
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file="+pkiFile(c, "service-account.key"),
		"--root-ca-file="+pkiFile(c, "ca.crt"),
		"--cluster-signing-cert-file="+pkiFile(c, "ca.crt"),
		"--cluster-signing-key-file="+pkiFile(c, "ca.key"),
		"--allocate-node-cidrs",
		"--cluster-cidr="+state.PodCIDR,
		"--node-cidr-mask-size=16",
		"--service-cluster-ip-range="+state.ServiceCIDR,
		"--flex-volume-plugin-dir="+c.Path("kubelet", "flex-volume-plugins"),
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--profiling=false",
	)
	if c.Simulation != "" {
		// KWOK binds the claims: there are no volumes. Its nodes need no pod network either.
		component.Args = append(component.Args, "--controllers=*,-persistentvolume-binder-controller,-node-ipam-controller")
	}
	component.check = httpCheck(c, "ca", "admin", fmt.Sprintf("https://%s:10257/healthz", c.NodeIP()))
	return component
}
