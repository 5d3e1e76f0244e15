package lifecycle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"devcluster/internal/component"
	"devcluster/internal/network"
	"devcluster/internal/pki"
	"devcluster/internal/proc"
	"devcluster/internal/publish"
	"devcluster/internal/state"
	"devcluster/internal/supervisor"
)

const (
	// linkLock is held while a network is chosen and made, so that two clusters that start at once choose different ones.
	linkLock      = state.RunRoot + "/.lock"
	healLimit     = time.Minute
	supervisorEnd = 10 * time.Second
)

// UpOptions are the flags of `up`; nil means that the flag was not given and what is remembered stays.
type UpOptions struct {
	Name, BinDir, Kubeconfig string
	Publish                  []string
	Audit                    *bool
	UnsafeNoFsync            *bool
	ControlPlaneOnly         *bool
	Simulation               *string
}

// Up brings the cluster of a state directory to run as the options say. It can be repeated: on a healthy cluster it only
// says so, after a crash or a reboot it brings everything back with its data.
func Up(stateDir string, options UpOptions, out io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("must run as root: a cluster makes network namespaces, mounts and cgroups; use sudo")
	}
	c, exists, err := state.Open(stateDir)
	if err != nil {
		return err
	}
	unlock, err := lock(c.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	before := c.Config
	if err := merge(c, exists, options); err != nil {
		return err
	}
	running, err := proc.Find(c.Dir)
	if err != nil {
		return err
	}
	if reason := mustRestart(c, before, running); reason == "" {
		if err := keepRunning(c, before, out); err != nil {
			return err
		}
	} else {
		if len(running) > 0 {
			fmt.Fprintf(out, "restarting the components: %s\n", reason)
		}
		if err := start(c, running, out); err != nil {
			return err
		}
	}
	return finish(c, options.Kubeconfig, out)
}

func merge(c *state.Cluster, exists bool, options UpOptions) error {
	switch {
	case !exists && options.Name == "":
		c.Name = "default"
	case !exists:
		c.Name = options.Name
	case options.Name != "" && options.Name != c.Name:
		return fmt.Errorf("%s holds the cluster %q, not %q: choose another --state-dir, or the same --name", c.Dir, c.Name, options.Name)
	}
	if err := state.CheckName(c.Name); err != nil {
		return err
	}
	c.BinDir = options.BinDir
	if options.Publish != nil {
		c.Publish = options.Publish
	}
	if _, err := publish.ParseAll(c.Publish); err != nil {
		return err
	}
	for _, flag := range []struct{ given, kept *bool }{
		{options.Audit, &c.Audit}, {options.UnsafeNoFsync, &c.UnsafeNoFsync}, {options.ControlPlaneOnly, &c.ControlPlaneOnly},
	} {
		if flag.given != nil {
			*flag.kept = *flag.given
		}
	}
	if options.Simulation != nil {
		c.Simulation = *options.Simulation
	}
	if c.Simulation != "" && c.ControlPlaneOnly {
		return errors.New("--simulate needs a scheduler, which --control-plane-only leaves out: choose one of them")
	}
	return nil
}

// mustRestart says why the components cannot go on as they are; "" if they can. Published ports change without a restart.
func mustRestart(c *state.Cluster, before state.Config, running []proc.Process) string {
	if !slices.ContainsFunc(running, func(p proc.Process) bool { return p.Component == "supervisor" }) {
		return "the supervisor is gone"
	}
	before.Publish, before.BinDir = c.Publish, c.BinDir
	if !reflect.DeepEqual(before, c.Config) {
		return "the options have changed"
	}
	for _, process := range running {
		// containerd and the like are the system's; ours come from the folder that --bin-dir names.
		own, err := filepath.EvalSymlinks(c.Bin(filepath.Base(process.Program)))
		if process.Replaced || (err == nil && slices.Contains(ownPrograms(c), filepath.Base(process.Program)) && own != process.Program) {
			return process.Component + " has a new program"
		}
	}
	return ""
}

// keepRunning changes the published ports where needed and waits until the supervisor has healed what is broken.
func keepRunning(c *state.Cluster, before state.Config, out io.Writer) error {
	if !slices.Equal(c.Publish, before.Publish) {
		if err := supervisor.ChangePublished(c, c.Publish); err != nil {
			return err
		}
	}
	if err := c.Save(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), healLimit)
	defer cancel()
	for {
		problems, err := Problems(ctx, c)
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			fmt.Fprintln(out, "already running and healthy")
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("running, but not healthy for %s:\n%s\nSee the logs in %s, or restart it: devcluster down, then up",
				healLimit, strings.Join(problems, "\n"), c.Path("logs"))
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func start(c *state.Cluster, running []proc.Process, out io.Writer) error {
	warnings, err := preflight(c)
	for _, warning := range warnings {
		fmt.Fprintln(out, "warning:", warning)
	}
	if err != nil {
		return err
	}
	for _, process := range running {
		if process.Component == "supervisor" {
			if err := process.Stop(c.Dir, supervisorEnd); err != nil {
				return err
			}
		}
	}
	ports, err := publish.ParseAll(c.Publish)
	if err != nil {
		return err
	}
	if err := publish.Check(ports); err != nil {
		return err
	}
	if err := os.MkdirAll(state.RunRoot, 0o755); err != nil {
		return err
	}
	unlock, err := lockFile(linkLock)
	if err != nil {
		return err
	}
	defer unlock()
	if err := claimName(c); err != nil {
		return err
	}
	if err := chooseLink(c); err != nil {
		return err
	}
	if err := c.Save(); err != nil {
		return err
	}
	return launch(c, unlock, out)
}

// claimName refuses a name that another state directory's running cluster has.
func claimName(c *state.Cluster) error {
	owner, err := os.ReadFile(c.Run("owner"))
	if errors.Is(err, fs.ErrNotExist) || string(owner) == c.Dir {
		return nil
	}
	if err != nil {
		return err
	}
	processes, err := proc.Find(string(owner))
	if err != nil {
		return err
	}
	if len(processes) > 0 {
		return fmt.Errorf("a cluster named %q runs already, from %s: choose another one with --name, or stop it with devcluster down --state-dir %s",
			c.Name, owner, owner)
	}
	c.BootID = "" // left over: the supervisor clears the run directory
	return nil
}

// chooseLink keeps the address of the last time if it can: kubeconfigs that were copied stay valid.
func chooseLink(c *state.Cluster) error {
	// The own interface of a crashed cluster is no obstacle.
	if c.Link >= 0 {
		if err := network.Disconnect(c); err != nil {
			return err
		}
	}
	inUse, err := network.InUse()
	if err != nil {
		return err
	}
	if network.LinkFree(c.Link, inUse) {
		return nil
	}
	c.Link, err = network.ChooseLink(inUse, c.Dir)
	return err
}

// launch starts the supervisor in a session of its own and shows its progress until it reports the end.
func launch(c *state.Cluster, networkMade func(), out io.Writer) error {
	program, err := filepath.EvalSymlinks(c.Bin("devcluster"))
	if err != nil {
		return err
	}
	log, err := component.OpenLog(c, "supervisor")
	if err != nil {
		return err
	}
	defer log.Close()
	progress, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer progress.Close()
	command := &exec.Cmd{
		Path: program, Args: []string{"devcluster", "supervise", "--state-dir", c.Dir}, Dir: "/", Stdout: log, Stderr: log,
		ExtraFiles:  []*os.File{write},
		Env:         append(os.Environ(), proc.Markers(c.Dir, "supervisor", program)...),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = command.Start()
	write.Close()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(progress)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		networkMade() // the first report is about the network
		final, err := supervisor.Outcome(lines.Text())
		if final {
			return err
		}
		fmt.Fprintln(out, lines.Text())
	}
	return fmt.Errorf("the supervisor ended unexpectedly: see %s", c.Path("logs", "supervisor.log"))
}

// finish hands out the kubeconfig.
func finish(c *state.Cluster, path string, out io.Writer) error {
	if path != "" {
		if err := copyKubeconfig(c, path); err != nil {
			return err
		}
	} else {
		path = c.Kubeconfig()
	}
	fmt.Fprintf(out, "cluster %q is up at %s: export KUBECONFIG=%s\n", c.Name, c.Server(), path)
	return nil
}

// copyKubeconfig replaces a kubeconfig of this cluster, and no other: it may hold the way to somebody's real cluster.
func copyKubeconfig(c *state.Cluster, path string) error {
	content, err := pki.Kubeconfig(c, "admin")
	if err != nil {
		return err
	}
	own := []byte("current-context: devcluster-" + c.Name + "\n")
	if have, err := os.ReadFile(path); err == nil && len(have) > 0 && !bytes.Contains(have, own) {
		return fmt.Errorf("the cluster is up, but %s was not written: it holds another cluster's kubeconfig; name another file with --kubeconfig", path)
	}
	return state.WriteFile(path, content, 0o600)
}

// lock allows one `up` or `down` at a time per state directory.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return lockFile(filepath.Join(dir, ".lock"))
}

func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
