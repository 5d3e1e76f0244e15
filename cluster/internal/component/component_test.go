package component

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"devcluster/internal/state"
)

func cluster(t *testing.T) *state.Cluster {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "pause"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return &state.Cluster{Dir: t.TempDir(), Config: state.Config{Name: "test", Link: 5, BinDir: bin, Snapshotter: "overlayfs"}}
}

func prepareAll(t *testing.T, c *state.Cluster) {
	t.Helper()
	for _, each := range All(c) {
		if each.prepare == nil {
			continue
		}
		if err := each.prepare(); err != nil {
			t.Fatalf("%s: %v", each.Name, err)
		}
	}
}

func TestConfigurationFilesAreWellFormed(t *testing.T) {
	c := cluster(t)
	prepareAll(t, c)
	for file, kind := range map[string]string{"kubelet.yaml": "KubeletConfiguration", "kube-proxy.yaml": "KubeProxyConfiguration", "audit.yaml": "Policy"} {
		content, err := os.ReadFile(c.Path("config", file))
		if err != nil {
			t.Fatal(err)
		}
		var parsed map[string]any
		if err := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096).Decode(&parsed); err != nil || parsed["kind"] != kind {
			t.Errorf("%s: kind %v, %v", file, parsed["kind"], err)
		}
	}
	content, err := os.ReadFile(c.Path("config", "cni", "10-devcluster.conflist"))
	if err != nil || !json.Valid(content) {
		t.Errorf("the CNI configuration is no JSON: %s, %v", content, err)
	}
}

func TestNoFileSaysMoreThanItsValues(t *testing.T) {
	c := cluster(t)
	prepareAll(t, c)
	files, _ := filepath.Glob(c.Path("config", "*"))
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), "%!") {
			t.Errorf("%s: a value is missing or left over: %s", file, content)
		}
	}
}

func TestContainerdTouchesNothingOfTheSystem(t *testing.T) {
	c := cluster(t)
	prepareAll(t, c)
	content, err := os.ReadFile(c.Path("config", "containerd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(content), "\n") {
		name, value, found := strings.Cut(strings.TrimSpace(line), " = \"/")
		if found && name != "bin_dir" && !strings.HasPrefix("/"+value, c.Dir) && !strings.HasPrefix("/"+value, c.Run()) {
			t.Errorf("path outside of the cluster's folders: %s", line)
		}
	}
}

func TestOptionsReachTheComponents(t *testing.T) {
	c := cluster(t)
	has := func(component *Component, prefix string) bool {
		return slices.ContainsFunc(component.Args, func(argument string) bool { return strings.HasPrefix(argument, prefix) })
	}
	if has(etcd(c), "--unsafe-no-fsync") || has(apiServer(c), "--audit-log-path") {
		t.Error("options are on that were not asked for")
	}
	c.UnsafeNoFsync, c.Audit = true, true
	if !has(etcd(c), "--unsafe-no-fsync") || !has(apiServer(c), "--audit-log-path="+c.Path("logs", "audit.log")) {
		t.Error("options did not arrive")
	}
	c.ControlPlaneOnly = true
	for _, each := range All(c) {
		if each.Name == "kubelet" || each.Name == "containerd" {
			t.Errorf("a control plane without node has a %s", each.Name)
		}
	}
}

func TestASimulationHasNoNodeAndNobodyElseBindsItsClaims(t *testing.T) {
	c := cluster(t)
	c.Simulation = "/bench/kwok.yaml"
	prepareAll(t, c)
	var names []string
	for _, each := range All(c) {
		names = append(names, each.Name)
	}
	if want := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"}; !slices.Equal(names, want) {
		t.Errorf("components %v, expected %v", names, want)
	}
	if !slices.Contains(kwok(c).Args, "--config=/bench/kwok.yaml") {
		t.Errorf("KWOK does not get its configuration: %v", kwok(c).Args)
	}
	if !slices.ContainsFunc(controllerManager(c).Args, func(argument string) bool {
		return strings.HasPrefix(argument, "--controllers=") && strings.Contains(argument, "-persistentvolume-binder-controller")
	}) {
		t.Error("the controller manager binds claims too")
	}
	content, err := os.ReadFile(c.Path("config", "kube-scheduler.yaml"))
	if err != nil || !strings.Contains(string(content), "VolumeBinding") {
		t.Errorf("the scheduler waits for volumes: %s %v", content, err)
	}
}

func TestNameserversThatAnotherNetworkNamespaceCanReach(t *testing.T) {
	file := "# nameserver 1.1.1.1\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.53\nsearch example.com\nnameserver 192.0.2.54\n"
	if got := parseNameservers(file); !slices.Equal(got, []string{"192.0.2.53", "192.0.2.54"}) {
		t.Errorf("got %v", got)
	}
	if got := resolvConf([]string{"192.0.2.53"}); got != "nameserver 192.0.2.53\n" {
		t.Errorf("got %q", got)
	}
}

func TestHealthPagesAreShortened(t *testing.T) {
	page := "[+]ping ok\n[-]metric-storage-ready failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n"
	if got := failedChecks(page); got != "[-]metric-storage-ready failed: reason withheld" {
		t.Errorf("got %q", got)
	}
}

func TestBigLogsAreSetAside(t *testing.T) {
	c := cluster(t)
	if err := state.WriteFile(c.Path("logs", "etcd.log"), make([]byte, logLimit+1), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := OpenLog(c, "etcd")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	old, errOld := os.Stat(c.Path("logs", "etcd.log.1"))
	if err != nil || errOld != nil || info.Size() != 0 || old.Size() != logLimit+1 {
		t.Errorf("new %v %v, old %v %v", info, err, old, errOld)
	}
}
