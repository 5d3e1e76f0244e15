package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"devcluster/internal/pki"
	"devcluster/internal/proc"
	"devcluster/internal/state"
)

func yes() *bool { value := true; return &value }

func TestMergeKeepsWhatIsNotGiven(t *testing.T) {
	c := &state.Cluster{Config: state.Config{Name: "kept", Publish: []string{"127.0.0.1:1:30000"}, Audit: true}}
	if err := merge(c, true, UpOptions{BinDir: "/bin", UnsafeNoFsync: yes()}); err != nil {
		t.Fatal(err)
	}
	if c.Name != "kept" || len(c.Publish) != 1 || !c.Audit || !c.UnsafeNoFsync || c.BinDir != "/bin" {
		t.Errorf("merged to %+v", c.Config)
	}
	if err := merge(c, true, UpOptions{Publish: []string{}}); err != nil || len(c.Publish) != 0 {
		t.Errorf("an empty list should close all ports: %v, %v", c.Publish, err)
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		exists  bool
		options UpOptions
		want    string
	}{
		"another name than the folder's": {true, UpOptions{Name: "other"}, "holds the cluster"},
		"a name that fits nowhere":       {false, UpOptions{Name: "a/b"}, "expected 1 to 40"},
		"a port that is none":            {true, UpOptions{Publish: []string{"x"}}, "HOSTADDR:HOSTPORT:NODEPORT"},
	} {
		c := &state.Cluster{Config: state.Config{Name: "kept"}}
		if err := merge(c, test.exists, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMustRestart(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"devcluster", "kubernetes"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	supervisor := proc.Process{Component: "supervisor", Program: filepath.Join(bin, "devcluster")}
	config := state.Config{Name: "x", BinDir: bin}
	audited := config
	audited.Audit = true
	published := config
	published.Publish = []string{"127.0.0.1:1:30000"}
	for name, test := range map[string]struct {
		after   state.Config
		running []proc.Process
		want    string
	}{
		"all as it was":            {config, []proc.Process{supervisor, {Component: "containerd", Program: "/usr/bin/containerd"}}, ""},
		"ports change in place":    {published, []proc.Process{supervisor}, ""},
		"nothing runs":             {config, nil, "the supervisor is gone"},
		"only components run":      {config, []proc.Process{{Component: "etcd"}}, "the supervisor is gone"},
		"another option":           {audited, []proc.Process{supervisor}, "the options have changed"},
		"a program was replaced":   {config, []proc.Process{supervisor, {Component: "etcd", Replaced: true}}, "etcd has a new program"},
		"a program from elsewhere": {config, []proc.Process{supervisor, {Component: "etcd", Program: "/old/kubernetes"}}, "etcd has a new program"},
	} {
		c := &state.Cluster{Config: test.after}
		if got := mustRestart(c, config, test.running); got != test.want {
			t.Errorf("%s: got %q, expected %q", name, got, test.want)
		}
	}
}

func TestCopiedKubeconfigReplacesOnlyItsOwn(t *testing.T) {
	c := &state.Cluster{Dir: t.TempDir(), Config: state.Config{Name: "x", Link: 5}}
	if err := pki.Ensure(c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	for range 2 {
		if err := copyKubeconfig(c, path); err != nil {
			t.Fatal(err)
		}
	}
	foreign := []byte("current-context: production\n")
	if err := os.WriteFile(path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	err := copyKubeconfig(c, path)
	content, _ := os.ReadFile(path)
	if err == nil || string(content) != string(foreign) {
		t.Errorf("a foreign kubeconfig was replaced: %v", err)
	}
}

func TestDeepFoldersAreRefused(t *testing.T) {
	if err := tooDeep("/" + strings.Repeat("a", 71)); err != nil {
		t.Error(err)
	}
	if err := tooDeep("/" + strings.Repeat("a", 72)); err == nil || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("got %v", err)
	}
}
