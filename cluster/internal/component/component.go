// Package component describes the programs of a cluster, one file each: how it is started and how it shows to be ready.
package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"devcluster/internal/network"
	"devcluster/internal/proc"
	"devcluster/internal/state"
)

// logLimit is where a log is set aside at the next start; one older log is kept.
const logLimit = 20 << 20

// Component is one program of the cluster.
type Component struct {
	Name    string
	Program string
	// Args start with the name the program is called by.
	Args []string
	// prepare writes the configuration files that Args name.
	prepare func() error
	// check returns nil when the component does its work.
	check func(context.Context) error
	// grace is how long it may take to end by itself.
	grace time.Duration

	cluster *state.Cluster
	exited  chan struct{}
}

// All lists the components in the order of their start: each needs some before it and none after it.
func All(c *state.Cluster) []*Component {
	if c.Simulation != "" {
		return []*Component{etcd(c), apiServer(c), controllerManager(c), scheduler(c), kwok(c)}
	}
	if c.ControlPlaneOnly {
		return []*Component{etcd(c), apiServer(c), controllerManager(c)}
	}
	return []*Component{
		containerd(c), etcd(c), apiServer(c), controllerManager(c), scheduler(c), kubelet(c), kubeProxy(c), kubeRouter(c), coreDNS(c),
		provisioner(c), metricsServer(c),
	}
}

// Start runs the program inside the cluster's network namespace, with its output in logs/<name>.log.
func (c *Component) Start() error {
	if c.prepare != nil {
		if err := c.prepare(); err != nil {
			return fmt.Errorf("prepare %s: %w", c.Name, err)
		}
	}
	log, err := OpenLog(c.cluster, c.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	program, err := filepath.EvalSymlinks(c.Program) // what /proc/<pid>/exe will show
	if err != nil {
		return err
	}
	command := &exec.Cmd{
		Path: program, Args: c.Args, Dir: "/", Stdout: log, Stderr: log,
		Env: append(environment(), proc.Markers(c.cluster.Dir, c.Name, program)...),
		// Own session: a Ctrl-C meant for `up` must not reach the components.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := network.In(c.cluster.Run("netns"), command.Start); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	exited := make(chan struct{})
	c.exited = exited
	go func() {
		err := command.Wait()
		fmt.Printf("%s %s (pid %d) ended: %v\n", time.Now().Format(time.RFC3339), c.Name, command.Process.Pid, err)
		close(exited)
	}()
	return nil
}

// environment is what the components get of ours. The rest, proxies above all, would lead their requests astray.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
}

// Exited is closed when the program that Start started has ended.
func (c *Component) Exited() <-chan struct{} { return c.exited }

// Ready returns nil when the component does its work, else what is wrong.
func (c *Component) Ready(ctx context.Context) error {
	if c.check == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return c.check(ctx)
}

// Stop ends the component, whoever started it. Containers go on: their shims are no components.
func (c *Component) Stop() error {
	running, err := proc.Find(c.cluster.Dir)
	if err != nil {
		return err
	}
	var failures []error
	for _, process := range running {
		if process.Component == c.Name {
			failures = append(failures, process.Stop(c.cluster.Dir, c.grace))
		}
	}
	return errors.Join(failures...)
}

// StopAll ends the components: all at once, then etcd, so that the last writes of the others arrive.
func StopAll(c *state.Cluster) error {
	full := *c
	full.ControlPlaneOnly, full.Simulation = false, "" // it may have been started as something else
	components := append(All(&full), kwok(&full))
	failures := make([]error, len(components))
	var group sync.WaitGroup
	last := slices.IndexFunc(components, func(each *Component) bool { return each.Name == "etcd" })
	for i, each := range components {
		if i != last {
			group.Go(func() { failures[i] = each.Stop() })
		}
	}
	group.Wait()
	failures[last] = components[last].Stop()
	return errors.Join(failures...)
}

// OpenLog opens the log of a component for appending and sets a big one aside.
func OpenLog(c *state.Cluster, name string) (*os.File, error) {
	path := c.Path("logs", name+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

func pkiFile(c *state.Cluster, name string) string { return c.Path("pki", name) }

func kubeconfig(c *state.Cluster, client string) string { return pkiFile(c, client+".kubeconfig") }

func program(c *state.Cluster, name string, args ...string) *Component {
	return &Component{
		Name: name, Program: c.Bin("kubernetes"), Args: append([]string{name}, args...), cluster: c, grace: 5 * time.Second,
	}
}

// httpCheck asks a health page of the node. The certificate authorities differ per component, the address is ours.
func httpCheck(c *state.Cluster, authority, client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		transport, err := transport(c, authority, client)
		if err != nil {
			return err
		}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
			return fmt.Errorf("%s answers %s: %s", url, response.Status, failedChecks(string(body)))
		}
		return nil
	}
}

// failedChecks shortens a health page of Kubernetes, which lists what works as [+] and what does not as [-].
func failedChecks(page string) string {
	var failed []string
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, line)
		}
	}
	return strings.Join(failed, " ")
}

func transport(c *state.Cluster, authority, client string) (*http.Transport, error) {
	if authority == "" {
		return &http.Transport{}, nil
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(pkiFile(c, authority+".crt"))
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(pkiFile(c, client+".crt"), pkiFile(c, client+".key"))
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}, nil
}
