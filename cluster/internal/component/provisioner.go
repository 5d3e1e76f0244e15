package component

import (
	"context"
	"fmt"

	"devcluster/internal/proc"
	"devcluster/internal/state"
)

// provisioner is a verb of this program in a process of its own: its crash must not take the supervisor along.
func provisioner(c *state.Cluster) *Component {
	component := program(c, "provisioner",
		"provisioner",
		"--kubeconfig", kubeconfig(c, "provisioner"),
		"--volumes", c.Path("volumes"),
		"--node", c.Node(),
	)
	component.Program = c.Bin("devcluster")
	component.check = func(context.Context) error {
		running, err := proc.Find(c.Dir)
		if err != nil {
			return err
		}
		for _, process := range running {
			if process.Component == component.Name {
				return nil
			}
		}
		return fmt.Errorf("%s is not running", component.Name)
	}
	return component
}
