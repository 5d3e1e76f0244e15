// Package cgroups keeps all processes of a cluster below one cgroup, with version 1 and version 2 of the interface.
//
// /dw-<name>/system holds the components, /dw-<name>/kubepods the pods. One place to look means that no process of the
// cluster is overlooked when it is stopped.
package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const mountPoint = "/sys/fs/cgroup"

// needed are the controllers without which the kubelet does not start.
var needed = []string{"cpu", "cpuset", "memory", "pids"}

// hierarchies lists the directories that have a tree of their own: one with version 2, one per controller with version 1.
func hierarchies() ([]string, error) {
	if Version() == 2 {
		return []string{mountPoint}, nil
	}
	entries, err := os.ReadDir(mountPoint)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() { // cpu -> cpu,cpuacct and the like are links to a hierarchy listed anyway
			found = append(found, filepath.Join(mountPoint, entry.Name()))
		}
	}
	return found, nil
}

// Version is the version of the cgroup interface that this machine has mounted, 1 or 2.
func Version() int {
	if _, err := os.Stat(mountPoint + "/cgroup.controllers"); err == nil {
		return 2
	}
	return 1
}

// Check tells which controllers are missing.
func Check() error {
	if Version() == 2 {
		return missing(mountPoint, available(mountPoint))
	}
	have := map[string]bool{}
	for _, name := range needed {
		_, err := os.Stat(filepath.Join(mountPoint, name))
		have[name] = err == nil
	}
	return missing(mountPoint, have)
}

func missing(dir string, have map[string]bool) error {
	var names []string
	for _, name := range needed {
		if !have[name] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("cgroup controllers missing in %s: %s; mount or delegate them (a container needs --privileged and --cgroupns=host)",
		dir, strings.Join(names, ", "))
}

// available lists the controllers of a version 2 cgroup.
func available(dir string) map[string]bool {
	content, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	have := map[string]bool{}
	for _, name := range strings.Fields(string(content)) {
		have[name] = true
	}
	return have
}

// Create makes /<name>/system in every hierarchy.
func Create(name string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range dirs {
		for _, dir := range []string{root, filepath.Join(root, name), filepath.Join(root, name, "system")} {
			if err := createOne(dir, dir == root || filepath.Base(dir) == name); err != nil {
				return err
			}
		}
	}
	if Version() == 2 {
		return missing(filepath.Join(mountPoint, name), available(filepath.Join(mountPoint, name)))
	}
	return nil
}

func createOne(dir string, hasChildren bool) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if Version() == 1 {
		return inheritCPUSet(filepath.Dir(dir), dir)
	}
	if hasChildren {
		enable(dir)
	}
	return nil
}

// enable hands the controllers on to the children. One the kernel lacks must not keep the others from being enabled.
func enable(dir string) {
	for controller := range available(dir) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
}

// inheritCPUSet fills the two files that a new version 1 cpuset leaves empty; no task can enter before that.
func inheritCPUSet(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || len(strings.TrimSpace(string(own))) > 0 {
			continue
		}
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
			return err
		}
	}
	return nil
}

// EnterSystem moves the calling process to /<name>/system; the processes it starts follow.
func EnterSystem(name string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range dirs {
		file := filepath.Join(root, name, "system", "cgroup.procs")
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return err
		}
	}
	return nil
}

// Processes lists the processes below /<name>/<part>; part "" means the whole cluster.
func Processes(name, part string) ([]int, error) {
	dirs, err := hierarchies()
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	for _, root := range dirs {
		err := filepath.WalkDir(filepath.Join(root, name, part), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
				return nil
			}
			if err != nil || entry.Name() != "cgroup.procs" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EOPNOTSUPP) {
				return err
			}
			for _, field := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
					seen[pid] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var pids []int
	for pid := range seen {
		pids = append(pids, pid)
	}
	return pids, nil
}

// Kill ends everything below /<name>/<part>: SIGTERM, and SIGKILL after grace.
func Kill(name, part string, grace time.Duration) error {
	deadline := time.Now().Add(grace)
	signal := unix.SIGTERM
	for attempt := 0; ; attempt++ {
		pids, err := Processes(name, part)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			signal = unix.SIGKILL
		}
		if time.Now().After(deadline.Add(15 * time.Second)) {
			return fmt.Errorf("processes %v in cgroup /%s are still there 15 s after SIGKILL", pids, filepath.Join(name, part))
		}
		if attempt == 0 || signal == unix.SIGKILL {
			for _, pid := range pids {
				_ = unix.Kill(pid, signal) // it may have ended by itself; the next look tells
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Remove deletes the cluster's cgroups, the deepest first. They must be empty.
func Remove(name string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	var failures []error
	for _, root := range dirs {
		var below []string
		_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				below = append([]string{path}, below...)
			}
			return nil
		})
		for _, dir := range below {
			if err := removeEmpty(dir); err != nil {
				failures = append(failures, err)
			}
		}
	}
	return errors.Join(failures...)
}

// removeEmpty waits a little: the kernel reports a cgroup as busy for some milliseconds after its last process ended.
func removeEmpty(dir string) error {
	var err error
	for range 100 {
		err = unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("remove cgroup %s: %w", dir, err)
}
