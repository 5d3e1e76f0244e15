// Package proc finds and stops the processes of a cluster.
//
// No pid file: every process of the cluster is started with three environment variables (Markers), and /proc tells who
// has them now. This is right after a crash, a reboot and a reused pid, where a pid file is not. Children of a component
// (containerd's shims, an iptables call) inherit the variables and are told apart by their program.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stateVariable     = "DEVCLUSTER_STATE"
	componentVariable = "DEVCLUSTER_COMPONENT"
	programVariable   = "DEVCLUSTER_PROGRAM"
)

// Markers are the environment variables by which Find recognizes a process again.
func Markers(stateDir, component, program string) []string {
	return []string{stateVariable + "=" + stateDir, componentVariable + "=" + component, programVariable + "=" + program}
}

// Process is a running process of a cluster.
type Process struct {
	PID       int
	Component string
	// Program is the path it was started from; Replaced tells that another file is there now.
	Program  string
	Replaced bool
	Started  time.Time
}

// Find lists the processes of the cluster with this state directory, components and supervisor.
func Find(stateDir string) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if process, ok := identify("/proc", pid, stateDir); ok {
			found = append(found, process)
		}
	}
	return found, nil
}

// identify tells whether a process belongs to the cluster. Only root's processes count: an environment can be set by
// anyone, and nobody else's process may be stopped because it claims to be ours.
func identify(procfs string, pid int, stateDir string) (Process, bool) {
	dir := filepath.Join(procfs, strconv.Itoa(pid))
	info, err := os.Stat(dir)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return Process{}, false
	}
	environment, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil || !bytes.Contains(environment, []byte(stateVariable+"="+stateDir+"\x00")) {
		return Process{}, false
	}
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil {
		return Process{}, false // a zombie or gone
	}
	path, replaced := strings.CutSuffix(exe, " (deleted)")
	program := variable(environment, programVariable)
	if path != program {
		return Process{}, false
	}
	started, err := startTime(procfs, pid)
	if err != nil {
		return Process{}, false
	}
	component := variable(environment, componentVariable)
	return Process{PID: pid, Component: component, Program: program, Replaced: replaced, Started: started}, true
}

func variable(environment []byte, name string) string {
	for _, entry := range bytes.Split(environment, []byte{0}) {
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found {
			return string(value)
		}
	}
	return ""
}

// ticksPerSecond is the kernel's USER_HZ, 100 on every architecture that Debian has.
const ticksPerSecond = 100

func startTime(procfs string, pid int) (time.Time, error) {
	stat, err := os.ReadFile(filepath.Join(procfs, strconv.Itoa(pid), "stat"))
	if err != nil {
		return time.Time{}, err
	}
	ticks, err := parseStartTicks(string(stat))
	if err != nil {
		return time.Time{}, err
	}
	uptime, err := os.ReadFile(filepath.Join(procfs, "uptime"))
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(uptime))[0], 64)
	if err != nil {
		return time.Time{}, err
	}
	age := seconds - float64(ticks)/ticksPerSecond
	return time.Now().Add(-time.Duration(age * float64(time.Second))), nil
}

// parseStartTicks reads field 22 of /proc/<pid>/stat. The second field, the command, may hold spaces and brackets.
func parseStartTicks(stat string) (int64, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 20 {
		return 0, fmt.Errorf("unexpected /proc/<pid>/stat: %q", stat)
	}
	return strconv.ParseInt(fields[19], 10, 64)
}

// Stop asks a process to end and kills it after grace. It returns when the process is gone.
func (p Process) Stop(stateDir string, grace time.Duration) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop %s (pid %d): %w", p.Component, p.PID, err)
	}
	defer unix.Close(fd)
	// The pid may have been given to another process since Find; from here on the descriptor holds this one.
	if now, ours := identify("/proc", p.PID, stateDir); !ours || now.Component != p.Component {
		return nil
	}
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, 10 * time.Second}} {
		if err := unix.PidfdSendSignal(fd, step.signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stop %s (pid %d): %w", p.Component, p.PID, err)
		}
		if exited(fd, step.wait) {
			return nil
		}
	}
	return fmt.Errorf("%s (pid %d) is still there 10 s after SIGKILL: it hangs in the kernel", p.Component, p.PID)
}

// exited waits for the end of the process behind a pidfd. A killed process counts as gone before its parent reaps it.
func exited(fd int, wait time.Duration) bool {
	deadline := time.Now().Add(wait)
	for {
		left := time.Until(deadline)
		if left < 0 {
			return false
		}
		count, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if count > 0 {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
}

// PortOwner names the process that listens on a TCP port, as far as /proc tells; "" if unknown.
func PortOwner(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, inode := range listeningInodes(string(data), port) {
			if owner := socketOwner(inode); owner != "" {
				return owner
			}
		}
	}
	return ""
}

// listeningInodes reads the table format of /proc/net/tcp: field 1 is address:port in hex, 3 the state, 9 the inode.
func listeningInodes(table string, port int) []string {
	const listen = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for _, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 9 && fields[3] == listen && strings.HasSuffix(fields[1], suffix) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

func socketOwner(inode string) string {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if errors.Is(err, fs.ErrNotExist) || target != "socket:["+inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}
