// Package supervisor is the process that stays: it brings the components up, starts again what ends, and forwards the
// published ports.
//
// It keeps no state of its own. Killed at any moment, the next one finds the processes of the last by their environment,
// stops the components, leaves the containers running and starts anew.
package supervisor

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"devcluster/internal/cgroups"
	"devcluster/internal/component"
	"devcluster/internal/image"
	"devcluster/internal/manifests"
	"devcluster/internal/mounts"
	"devcluster/internal/network"
	"devcluster/internal/pki"
	"devcluster/internal/publish"
	"devcluster/internal/state"
)

const (
	startLimit   = 3 * time.Minute
	firstDelay   = 500 * time.Millisecond
	longestDelay = 10 * time.Second
	// steadyAfter is how long a component must have run for its next failure to count as a first one.
	steadyAfter = 30 * time.Second
)

type supervisor struct {
	cluster   *state.Cluster
	report    func(format string, args ...any)
	publisher *publish.Publisher
}

// Run brings the cluster up, writes its progress line by line, and supervises it until ctx ends. The components are left
// running then: whoever ends the supervisor decides about them.
func Run(ctx context.Context, c *state.Cluster, progress io.WriteCloser) error {
	started := time.Now()
	s := &supervisor{cluster: c, publisher: &publish.Publisher{Node: c.NodeIP()}, report: func(format string, args ...any) {
		line := fmt.Sprintf("%5.1f s  %s", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
		fmt.Println(line)
		fmt.Fprintln(progress, line)
	}}
	startContext, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := s.start(ctx, startContext)
	if err != nil {
		fmt.Fprintln(progress, failedPrefix+strings.ReplaceAll(err.Error(), "\n", "; "))
		progress.Close()
		return err
	}
	fmt.Fprintln(progress, readyLine)
	progress.Close()
	<-ctx.Done()
	return nil
}

// The last line of the progress is one of these.
const (
	readyLine    = "ready"
	failedPrefix = "failed: "
)

// Outcome reads a progress line: final tells that it is the last one, err what went wrong.
func Outcome(line string) (final bool, err error) {
	if message, failed := strings.CutPrefix(line, failedPrefix); failed {
		return true, fmt.Errorf("%s", message)
	}
	return line == readyLine, nil
}

func (s *supervisor) start(ctx, startContext context.Context) error {
	if err := s.prepareHost(); err != nil {
		return err
	}
	if err := s.startComponents(ctx, startContext); err != nil {
		return err
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	for _, check := range component.Checks(s.cluster) {
		if check.Optional {
			s.reportOptional(startContext, check)
		} else if err := s.await(startContext, check.Name, check.Run); err != nil {
			return err
		}
	}
	return nil
}

// prepareHost makes what the components run in. Components of a killed supervisor are stopped first; its containers stay
// if their network is still there, and are of no use otherwise.
func (s *supervisor) prepareHost() error {
	c := s.cluster
	if err := component.StopAll(c); err != nil {
		return err
	}
	if err := cgroups.Create(c.Node()); err != nil {
		return fmt.Errorf("create the cgroup /%s: %w", c.Node(), err)
	}
	if c.BootID != state.CurrentBootID() || !network.NamespaceExists(c.Run("netns")) {
		if err := s.freshRunDirectory(); err != nil {
			return err
		}
	}
	if err := cgroups.EnterSystem(c.Node()); err != nil {
		return fmt.Errorf("enter the cgroup /%s: %w", c.Node(), err)
	}
	if err := network.Connect(c); err != nil {
		return err
	}
	s.report("network: node %s behind %s", c.NodeIP(), c.HostInterface())
	if err := pki.Ensure(c); err != nil {
		return err
	}
	raiseFileLimit()
	return nil
}

func (s *supervisor) freshRunDirectory() error {
	c := s.cluster
	if err := cgroups.Kill(c.Node(), "", time.Second); err != nil {
		return err
	}
	for _, dir := range []string{c.Run(), c.Path("kubelet")} {
		if err := mounts.Remove(dir); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(c.Run()); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Run(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.Run("owner"), []byte(c.Dir), 0o600); err != nil {
		return err
	}
	if err := network.CreateNamespace(c.Run("netns"), c.Node()); err != nil {
		return err
	}
	c.BootID = state.CurrentBootID()
	return c.Save()
}

// raiseFileLimit: containers inherit the limit from containerd, and editors watch many files. Only what is allowed.
func raiseFileLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// startComponents starts them in order. The API server is waited for, and etcd and containerd before: everything else
// would only fail and be started again.
func (s *supervisor) startComponents(ctx, startContext context.Context) error {
	awaited := map[string]bool{"etcd": true, "kube-apiserver": true, "containerd": true}
	for _, each := range component.All(s.cluster) {
		first := make(chan error, 1)
		go s.keep(ctx, each, first)
		if err := <-first; err != nil {
			return err
		}
		if !awaited[each.Name] {
			continue
		}
		if err := s.await(startContext, each.Name, each.Ready); err != nil {
			return err
		}
		if err := s.afterReady(startContext, each.Name); err != nil {
			return err
		}
	}
	for _, each := range component.All(s.cluster) {
		if awaited[each.Name] || each.Name == "metrics-server" {
			continue
		}
		if err := s.await(startContext, each.Name, each.Ready); err != nil {
			return err
		}
	}
	return nil
}

func (s *supervisor) afterReady(ctx context.Context, name string) error {
	switch name {
	case "kube-apiserver":
		return manifests.Apply(ctx, s.cluster)
	case "containerd":
		return image.EnsurePause(s.cluster)
	}
	return nil
}

// keep starts a component whenever it has ended, with growing delays while it fails at once.
func (s *supervisor) keep(ctx context.Context, each *component.Component, first chan<- error) {
	delay := firstDelay
	for {
		started := time.Now()
		err := each.Start()
		if first != nil {
			first <- err
			first = nil
		}
		if err != nil {
			fmt.Println(time.Now().Format(time.RFC3339), err)
		} else {
			select {
			case <-ctx.Done():
				return
			case <-each.Exited():
			}
		}
		if time.Since(started) > steadyAfter {
			delay = firstDelay
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, longestDelay)
	}
}

// reportOptional looks once: metrics need two samples 10 s apart, and nobody should wait for them.
func (s *supervisor) reportOptional(ctx context.Context, check component.Check) {
	if check.Run(ctx) == nil {
		s.report("%s", check.Name)
	} else {
		s.report("%s: not yet, comes by itself", check.Name)
	}
}

// await repeats a check until it holds and reports that.
func (s *supervisor) await(ctx context.Context, name string, check func(context.Context) error) error {
	var last error
	for {
		problem := check(ctx)
		if problem == nil {
			s.report("%s", name)
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = problem // what was wrong, rather than that the time was over in the middle of a question
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\nlast lines of %s:\n%s", name, last, s.cluster.Path("logs", name+".log"), s.logTail(name))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *supervisor) logTail(name string) string {
	content, err := os.ReadFile(s.cluster.Path("logs", name+".log"))
	if err != nil {
		return "(no log)"
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}
