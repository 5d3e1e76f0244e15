// Package network gives a cluster a network namespace of its own and a cable to the host.
//
// Everything the node's programs do to the network (nft and iptables rules, ipsets, pod cables) happens inside the
// namespace and goes away with it. On the host there are only: one interface, one nft table, and, where the host's own
// firewall drops forwarded packets, two accept rules.
package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// linksDir is where iproute2 looks for namespaces by name. A symbolic link is enough for `ip netns exec`, and unlike
// `ip netns add` leaves no mount of /run/netns itself behind.
const linksDir = "/run/netns"

// CreateNamespace makes a network namespace, kept alive by a mount on path and known to iproute2 as name.
func CreateNamespace(path, name string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		own := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
		return unix.Mount(own, path, "", unix.MS_BIND, "")
	})
	if err != nil {
		return fmt.Errorf("create network namespace %s: %w", path, err)
	}
	if err := os.MkdirAll(linksDir, 0o755); err != nil {
		return err
	}
	link := filepath.Join(linksDir, name)
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(path, link)
}

// NamespaceExists tells whether a namespace is mounted on path.
func NamespaceExists(path string) bool {
	var info unix.Statfs_t
	const nsfsMagic = 0x6e736673
	return unix.Statfs(path, &info) == nil && info.Type == nsfsMagic
}

// DeleteNamespace undoes CreateNamespace. The kernel frees the namespace when the last process in it has ended.
func DeleteNamespace(path, name string) error {
	if NamespaceExists(path) {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("remove network namespace %s: %w", path, err)
		}
	}
	link := filepath.Join(linksDir, name)
	if target, err := os.Readlink(link); err == nil && target == path {
		if err := os.Remove(link); err != nil {
			return err
		}
		_ = os.Remove(linksDir) // only succeeds when it is empty
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// In runs do in the namespace mounted on path. What do starts (os/exec) is inside, too. Unlike `ip netns exec` this keeps
// the mount namespace: the kubelet's and containerd's mounts have to be seen by each other.
func In(path string, do func() error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return onOwnThread(func() error {
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", path, err)
		}
		return do()
	})
}

// onOwnThread runs do on a thread that is thrown away afterwards: it never carries the namespace back to other goroutines.
func onOwnThread(do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- do()
	}()
	return <-result
}

// run runs a program; its output becomes part of the error.
func run(input string, program string, args ...string) error {
	command := exec.Command(program, args...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
