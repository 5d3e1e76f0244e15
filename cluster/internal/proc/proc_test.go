package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestStartTicksWithAnyCommandName(t *testing.T) {
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for _, command := range []string{"etcd", "a b", "a) R (b"} {
		if got, err := parseStartTicks("12 (" + command + ")" + rest); err != nil || got != 4711 {
			t.Errorf("%q: got %d, %v", command, got, err)
		}
	}
	for _, damaged := range []string{"", "12 (a)", "12 a S 1"} {
		if got, err := parseStartTicks(damaged); err == nil {
			t.Errorf("%q: got %d, expected an error", damaged, got)
		}
	}
}

// sleeper runs a program that does not end by itself, marked as given.
func sleeper(t *testing.T, markers []string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, markers...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func pids(t *testing.T, stateDir string) []int {
	t.Helper()
	found, err := Find(stateDir)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, process := range found {
		numbers = append(numbers, process.PID)
	}
	return numbers
}

func TestFindTellsComponentsFromOthers(t *testing.T) {
	state, sleep := t.TempDir(), program(t, "sleep")
	ours := sleeper(t, Markers(state, "etcd", sleep), sleep, "60")
	sleeper(t, Markers(state+"-of-another", "etcd", sleep), sleep, "60")
	sleeper(t, nil, sleep, "60")
	// A child of a component has its environment, and another program.
	sleeper(t, Markers(state, "containerd", "/usr/bin/containerd"), sleep, "60")
	if got := pids(t, state); !slices.Equal(got, []int{ours.Process.Pid}) {
		t.Errorf("found %v, expected only %d", got, ours.Process.Pid)
	}
	found, _ := Find(state)
	if found[0].Component != "etcd" || found[0].Program != sleep || found[0].Replaced || time.Since(found[0].Started) > 10*time.Second {
		t.Errorf("found %+v", found[0])
	}
}

func TestFindSeesThatTheProgramWasReplaced(t *testing.T) {
	state, own := t.TempDir(), filepath.Join(t.TempDir(), "own")
	content, err := os.ReadFile(program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, content, 0o755); err != nil {
		t.Fatal(err)
	}
	sleeper(t, Markers(state, "x", own), own, "60")
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	found, err := Find(state)
	if err != nil || len(found) != 1 || !found[0].Replaced {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestStopAsksAndThenKills(t *testing.T) {
	state := t.TempDir()
	for name, test := range map[string]struct {
		script string
		atMost time.Duration
	}{
		"one that obeys":    {"sleep 60 & wait", 2 * time.Second},
		"one that does not": {"trap '' TERM; while :; do sleep 0.05; done", 4 * time.Second},
	} {
		shell := program(t, "sh")
		command := sleeper(t, Markers(state, name, shell), shell, "-c", test.script)
		time.Sleep(200 * time.Millisecond) // until the trap is set
		found, err := Find(state)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: found %v, %v", name, found, err)
		}
		go func() { _ = command.Wait() }()
		started := time.Now()
		if err := found[0].Stop(state, time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(started); took > test.atMost {
			t.Errorf("%s: took %s", name, took)
		}
		if left := pids(t, state); len(left) != 0 {
			t.Errorf("%s: still there: %v", name, left)
		}
	}
}

func TestStopSparesAnotherProcessWithTheSamePID(t *testing.T) {
	sleep := program(t, "sleep")
	stranger := sleeper(t, nil, sleep, "60")
	stale := Process{PID: stranger.Process.Pid, Component: "etcd"}
	if err := stale.Stop(t.TempDir(), time.Second); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was stopped: %v", err)
	}
}

func TestListeningInodes(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1
   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1
`
	if got := listeningInodes(table, 8080); !slices.Equal(got, []string{"111"}) {
		t.Errorf("got %v, expected only the listening socket of port 8080", got)
	}
}
