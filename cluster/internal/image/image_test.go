package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func readTar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	members := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return members
		}
		if err != nil {
			t.Fatal(err)
		}
		if members[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchiveIsADockerArchiveOfOneLayer(t *testing.T) {
	dir := t.TempDir()
	program, file := filepath.Join(dir, "tool"), filepath.Join(dir, "image.tar")
	if err := os.WriteFile(program, []byte("binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteArchive(file, "localhost/x:1", program); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	members := readTar(t, archive)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(members["manifest.json"], &manifest); err != nil || len(manifest) != 1 || manifest[0].RepoTags[0] != "localhost/x:1" {
		t.Fatalf("manifest %s, %v", members["manifest.json"], err)
	}
	layer := members[manifest[0].Layers[0]]
	var config struct {
		Config struct {
			Entrypoint []string
			User       string
		}
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(members[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(layer)
	if got := config.Rootfs.DiffIDs; len(got) != 1 || got[0] != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("the configuration names layer %v, not the one in the archive", got)
	}
	if string(readTar(t, layer)["tool"]) != "binary" || config.Config.Entrypoint[0] != "/tool" || config.Config.User != "65532:65532" {
		t.Errorf("layer %v, configuration %+v", readTar(t, layer), config)
	}
}

func TestPauseNameFollowsTheProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pause")
	names := map[string]bool{}
	for _, content := range []string{"a", "a", "b"} {
		if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		name, err := PauseName(program)
		if err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if len(names) != 2 {
		t.Errorf("expected one name per program, got %v", names)
	}
}
