package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesFitPathsCgroupsTablesAndNodes(t *testing.T) {
	for name, good := range map[string]bool{
		"default": true, "a": true, "e2e-2": true, strings.Repeat("a", 40): true,
		"": false, "-a": false, "a-": false, "A": false, "a/b": false, "..": false, "a b": false, strings.Repeat("a", 41): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("CheckName(%q) = %v, expected good = %v", name, err, good)
		}
	}
}

func TestLinksAreDistinctNetworksOfFourAddresses(t *testing.T) {
	for number, want := range map[int]string{1: "10.87.0.4/30", 63: "10.87.0.252/30", 64: "10.87.1.0/30", Links - 1: "10.87.255.252/30"} {
		if got := LinkPrefix(number).String(); got != want {
			t.Errorf("LinkPrefix(%d) = %s, expected %s", number, got, want)
		}
	}
	c := &Cluster{Config: Config{Link: 64}}
	if c.HostIP().String() != "10.87.1.1" || c.NodeIP().String() != "10.87.1.2" {
		t.Errorf("host %s and node %s, expected 10.87.1.1 and 10.87.1.2", c.HostIP(), c.NodeIP())
	}
}

func TestConfigurationIsRemembered(t *testing.T) {
	dir := t.TempDir()
	c, exists, err := Open(dir)
	if err != nil || exists {
		t.Fatalf("Open of an empty folder: exists %v, %v", exists, err)
	}
	c.Name, c.Link, c.Publish = "x", 7, []string{"127.0.0.1:1:30000"}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	again, exists, err := Open(dir)
	if err != nil || !exists || again.Name != "x" || again.Link != 7 || len(again.Publish) != 1 {
		t.Fatalf("read back %+v, exists %v, %v", again, exists, err)
	}
}

func TestDamagedConfigurationIsAnErrorAndNotAnEmptyCluster(t *testing.T) {
	for _, content := range []string{"{", `{"name": "../../etc"}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(dir); err == nil {
			t.Errorf("Open accepted %s", content)
		}
	}
}

func TestWriteFileReplacesWholeAndSetsTheMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "file")
	for _, content := range []string{"a long first content", "short"} {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := os.ReadFile(path)
	info, err := os.Stat(path)
	if err != nil || string(got) != "short" || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q with mode %v, %v", got, info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("temporary files are left: %v", entries)
	}
}
