// Package manifests brings the objects that every cluster has: StorageClass, DNS, metrics, and the components' rights.
package manifests

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"devcluster/internal/state"
)

//go:embed cluster.yaml
var cluster string

// Render fills in what differs from cluster to cluster.
func Render(c *state.Cluster) (string, error) {
	authority, err := os.ReadFile(c.Path("pki", "ca.crt"))
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(
		"${NODE_IP}", c.NodeIP().String(),
		"${CA_BUNDLE}", base64.StdEncoding.EncodeToString(authority),
	).Replace(cluster), nil
}

// Apply brings the objects to the wanted state; it can be repeated.
func Apply(ctx context.Context, c *state.Cluster) error {
	objects, err := Render(c)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, c.Bin("kubernetes"), "kubectl", "--kubeconfig", c.Kubeconfig(),
		"apply", "--server-side", "--force-conflicts", "--field-manager=devcluster", "-f", "-")
	command.Stdin = strings.NewReader(objects)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apply the cluster's own objects: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
