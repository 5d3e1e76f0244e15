// Package image packs static programs as container images and brings image files to the cluster's container runtime.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"

	"devcluster/internal/state"
)

// PauseName is the name of the image with the pause program: it changes with the program.
func PauseName(program string) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return "localhost/devcluster/pause:" + hex.EncodeToString(sum[:6]), nil
}

// EnsurePause imports the pause image if containerd lacks it.
func EnsurePause(c *state.Cluster) error {
	name, err := PauseName(c.Bin("pause"))
	if err != nil {
		return err
	}
	have, err := exec.Command("ctr", "--address", c.Run("containerd.sock"), "-n", "k8s.io", "images", "list", "-q").Output()
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, image := range strings.Fields(string(have)) {
		if image == name {
			return nil
		}
	}
	archive := c.Run("pause.tar")
	if err := WriteArchive(archive, name, c.Bin("pause")); err != nil {
		return err
	}
	defer os.Remove(archive)
	return Load(c, archive, io.Discard)
}

// Load imports image files (docker-archive or OCI) as the kubelet's containerd sees them.
func Load(c *state.Cluster, archive string, output io.Writer) error {
	if _, err := os.Stat(archive); err != nil {
		return err
	}
	command := exec.Command("ctr", "--address", c.Run("containerd.sock"), "-n", "k8s.io", "images", "import",
		"--snapshotter", c.Snapshotter, archive)
	var message bytes.Buffer
	command.Stdout, command.Stderr = output, &message
	if err := command.Run(); err != nil {
		return fmt.Errorf("import %s: %w: %s", archive, err, strings.TrimSpace(message.String()))
	}
	return nil
}

// WriteArchive packs a static program as a docker-archive: one layer that holds it as /<its name>, run by user 65532.
func WriteArchive(file, name, program string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	entry := path.Base(program)
	layer, err := tarOf(member{"tmp/", nil, 0o1777}, member{entry, content, 0o755})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/" + entry}, "User": "65532:65532"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	archive, err := tarOf(member{"config.json", config, 0o644}, member{"layer.tar", layer, 0o644}, member{"manifest.json", manifest, 0o644})
	if err != nil {
		return err
	}
	return state.WriteFile(file, archive, 0o644)
}

type member struct {
	name    string
	content []byte
	mode    fs.FileMode
}

func tarOf(members ...member) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	var failures []error
	for _, m := range members {
		header := &tar.Header{Name: m.name, Mode: int64(m.mode), Size: int64(len(m.content)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(m.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		failures = append(failures, writer.WriteHeader(header))
		_, err := writer.Write(m.content)
		failures = append(failures, err)
	}
	failures = append(failures, writer.Close())
	return buffer.Bytes(), errors.Join(failures...)
}
