package component

import (
	"fmt"

	"devcluster/internal/state"
)

// kwok plays the kubelets of nodes that are objects only; its configuration says how pods and claims come on.
func kwok(c *state.Cluster) *Component {
	component := program(c, "kwok",
		"--kubeconfig="+c.Kubeconfig(),
		"--config="+c.Simulation,
		fmt.Sprintf("--server-address=%s:10247", c.NodeIP()),
	)
	component.Program = c.Bin("kwok")
	component.check = httpCheck(c, "", "", fmt.Sprintf("http://%s:10247/healthz", c.NodeIP()))
	return component
}
