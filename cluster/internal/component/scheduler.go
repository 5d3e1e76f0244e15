package component

import (
	"fmt"

	"devcluster/internal/state"
)

// simulatedScheduler: a claim that KWOK binds has no volume, and the scheduler looks for one, a second at a time.
const simulatedScheduler = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %s, qps: 1000, burst: 2000}
profiles:
- schedulerName: default-scheduler
  plugins:
    multiPoint:
      disabled: [{name: VolumeBinding}, {name: VolumeZone}, {name: NodeVolumeLimits}]
`

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
	if c.Simulation != "" {
		config := c.Path("config", "kube-scheduler.yaml")
		component.Args = append(component.Args, "--config="+config)
		component.prepare = func() error {
			return state.WriteFile(config, fmt.Appendf(nil, simulatedScheduler, own), 0o644)
		}
	}
	component.check = httpCheck(c, "ca", "admin", fmt.Sprintf("https://%s:10259/healthz", c.NodeIP()))
	return component
}
