package lifecycle

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"devcluster/internal/component"
	"devcluster/internal/state"
)

// Exit codes of `status`.
const (
	Healthy    = 0
	Unhealthy  = 1
	NotRunning = 3
)

// Status is what `status --json` prints.
type Status struct {
	Name       string             `json:"name"`
	StateDir   string             `json:"stateDir"`
	Node       string             `json:"node"`
	Server     string             `json:"server"`
	Kubeconfig string             `json:"kubeconfig"`
	State      string             `json:"state"` // healthy, unhealthy or stopped
	Problems   []string           `json:"problems"`
	Components []component.Status `json:"components"`
	Publish    []string           `json:"publish"`
	Versions   map[string]string  `json:"versions"`
}

// Problems says what is wrong with a running cluster; nothing means healthy. Metrics are no condition for health: they
// come 20 s after the start, and only `kubectl top` and autoscalers need them.
func Problems(ctx context.Context, c *state.Cluster) ([]string, error) {
	statuses, err := component.Statuses(ctx, c)
	if err != nil {
		return nil, err
	}
	return problems(ctx, c, statuses), nil
}

func problems(ctx context.Context, c *state.Cluster, statuses []component.Status) []string {
	found := []string{}
	for _, status := range statuses {
		if !status.Ready && !(status.Name == "metrics-server" && status.PID != 0) {
			found = append(found, status.Name+": "+status.Message)
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, check := range component.Checks(c) {
		if check.Optional {
			continue
		}
		if err := check.Run(ctx); err != nil {
			found = append(found, check.Name+": "+err.Error())
		}
	}
	return found
}

// ShowStatus prints the state of the cluster and returns the exit code.
func ShowStatus(ctx context.Context, stateDir string, asJSON bool, out io.Writer) (int, error) {
	c, exists, err := state.Open(stateDir)
	if err != nil {
		return Unhealthy, err
	}
	if !exists {
		if asJSON {
			return NotRunning, writeJSON(out, Status{StateDir: c.Dir, State: "stopped", Problems: []string{}, Components: []component.Status{}, Publish: []string{}})
		}
		fmt.Fprintf(out, "no cluster in %s\n", c.Dir)
		return NotRunning, nil
	}
	status, code, err := collect(ctx, c)
	if err != nil {
		return Unhealthy, err
	}
	if asJSON {
		return code, writeJSON(out, status)
	}
	printStatus(out, status)
	return code, nil
}

func collect(ctx context.Context, c *state.Cluster) (Status, int, error) {
	statuses, err := component.Statuses(ctx, c)
	if err != nil {
		return Status{}, Unhealthy, err
	}
	status := Status{
		Name: c.Name, StateDir: c.Dir, Node: c.Node(), Server: c.Server(), Kubeconfig: c.Kubeconfig(), State: "healthy", Problems: []string{},
		Components: statuses, Publish: append([]string{}, c.Publish...), Versions: versions(ctx, c),
	}
	running := 0
	for _, each := range statuses {
		if each.PID != 0 {
			running++
		}
	}
	if running == 0 {
		status.State = "stopped"
		return status, NotRunning, nil
	}
	if status.Problems = problems(ctx, c, statuses); len(status.Problems) > 0 {
		status.State = "unhealthy"
		return status, Unhealthy, nil
	}
	return status, Healthy, nil
}

// versions reads what the programs say of themselves, ours from the list of modules that Go puts into each.
func versions(ctx context.Context, c *state.Cluster) map[string]string {
	found := map[string]string{}
	for name, module := range map[string]string{
		"kubernetes": "k8s.io/kubernetes", "kube-router": "github.com/cloudnativelabs/kube-router/v2",
		"coredns": "github.com/coredns/coredns", "metrics-server": "sigs.k8s.io/metrics-server",
		"kwok": "sigs.k8s.io/kwok",
	} {
		info, err := buildinfo.ReadFile(c.Bin(name))
		if err != nil {
			continue
		}
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				found[name] = dependency.Version
			}
		}
	}
	if output, err := exec.CommandContext(ctx, "containerd", "--version").Output(); err == nil {
		if fields := strings.Fields(string(output)); len(fields) > 2 {
			found["containerd"] = fields[2]
		}
	}
	return found
}

func writeJSON(out io.Writer, status Status) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(status)
}

func printStatus(out io.Writer, status Status) {
	fmt.Fprintf(out, "cluster %s (%s): %s\nserver  %s\nkubeconfig %s\n\n", status.Name, status.StateDir, status.State, status.Server, status.Kubeconfig)
	for _, each := range status.Components {
		ready := "ready"
		if !each.Ready {
			ready = each.Message
		}
		fmt.Fprintf(out, "%-24s pid %-8d up %6d s  %s %s\n", each.Name, each.PID, each.UpSeconds, status.Versions[each.Name], ready)
	}
	for _, port := range status.Publish {
		fmt.Fprintln(out, "published", port)
	}
	for _, problem := range status.Problems {
		fmt.Fprintln(out, "problem:", problem)
	}
}
