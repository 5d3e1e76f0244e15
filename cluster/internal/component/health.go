package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"devcluster/internal/proc"
	"devcluster/internal/state"
)

// Status is what there is to say about one component.
type Status struct {
	Name string `json:"name"`
	// PID is 0 when the component does not run.
	PID       int    `json:"pid"`
	UpSeconds int    `json:"upSeconds"`
	Ready     bool   `json:"ready"`
	Message   string `json:"message,omitempty"`
}

// Statuses asks all components at once, the supervisor included.
func Statuses(ctx context.Context, c *state.Cluster) ([]Status, error) {
	running, err := proc.Find(c.Dir)
	if err != nil {
		return nil, err
	}
	byName := map[string]proc.Process{}
	for _, process := range running {
		byName[process.Component] = process
	}
	components := All(c)
	statuses := make([]Status, len(components)+1)
	statuses[0] = describe("supervisor", byName, nil)
	var group sync.WaitGroup
	for i, component := range components {
		group.Go(func() { statuses[i+1] = describe(component.Name, byName, component.Ready(ctx)) })
	}
	group.Wait()
	return statuses, nil
}

func describe(name string, running map[string]proc.Process, problem error) Status {
	process, found := running[name]
	if !found {
		return Status{Name: name, Message: "not running"}
	}
	status := Status{Name: name, PID: process.PID, UpSeconds: int(time.Since(process.Started).Seconds()), Ready: problem == nil}
	if problem != nil {
		status.Message = problem.Error()
	}
	return status
}

// Check is a fact about the whole cluster that must hold before `up` returns.
type Check struct {
	Name string
	Run  func(context.Context) error
	// Optional ones are not waited for.
	Optional bool
}

// Checks lists the facts in the order in which they come true.
func Checks(c *state.Cluster) []Check {
	if c.ControlPlaneOnly || c.Simulation != "" {
		return nil
	}
	return []Check{
		{Name: "node ready", Run: func(ctx context.Context) error { return nodeReady(ctx, c) }},
		{Name: "default StorageClass", Run: func(ctx context.Context) error {
			return Get(ctx, c, "/apis/storage.k8s.io/v1/storageclasses/local", &struct{}{})
		}},
		{Name: "metrics", Optional: true, Run: func(ctx context.Context) error { return metricsAvailable(ctx, c) }},
	}
}

func nodeReady(ctx context.Context, c *state.Cluster) error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := Get(ctx, c, "/api/v1/nodes/"+c.Node(), &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status != "True" {
			return fmt.Errorf("node %s is not ready: %s", c.Node(), condition.Message)
		}
		if condition.Type == "Ready" {
			return kubeletKnowsItsPods(ctx, c)
		}
	}
	return fmt.Errorf("node %s has not reported yet", c.Node())
}

// settled is the age from which a pod must be known to the kubelet; a younger one may still be on its way.
const settled = 10 * time.Second

type podList struct {
	Items []struct {
		Metadata struct {
			UID               string
			CreationTimestamp time.Time
		}
	}
}

// kubeletKnowsItsPods: after a crash the node's condition is still that of the kubelet before, while the new one answers
// questions about all pods with "does not exist" until it has read them from the API server.
func kubeletKnowsItsPods(ctx context.Context, c *state.Cluster) error {
	var bound, known podList
	if err := Get(ctx, c, "/api/v1/pods?fieldSelector=spec.nodeName="+c.Node(), &bound); err != nil {
		return err
	}
	if err := getURL(ctx, c, fmt.Sprintf("https://%s:10250/pods", c.NodeIP()), &known); err != nil {
		return err
	}
	have := map[string]bool{}
	for _, pod := range known.Items {
		have[pod.Metadata.UID] = true
	}
	for _, pod := range bound.Items {
		if !have[pod.Metadata.UID] && time.Since(pod.Metadata.CreationTimestamp) > settled {
			return fmt.Errorf("the kubelet does not know all pods of node %s yet", c.Node())
		}
	}
	return nil
}

func metricsAvailable(ctx context.Context, c *state.Cluster) error {
	var metrics struct{ Items []struct{} }
	if err := Get(ctx, c, "/apis/metrics.k8s.io/v1beta1/nodes", &metrics); err != nil {
		return err
	}
	if len(metrics.Items) == 0 {
		return errors.New("metrics-server has no figures yet: it needs two samples of the kubelet's")
	}
	return nil
}

// Get reads an object of the API as the administrator.
func Get(ctx context.Context, c *state.Cluster, path string, into any) error {
	return getURL(ctx, c, c.Server()+path, into)
}

func getURL(ctx context.Context, c *state.Cluster, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	transport, err := transport(c, "ca", "admin")
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
