// Command devcluster runs a real one-node Kubernetes on this machine, for evaluation and for tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"devcluster/internal/image"
	"devcluster/internal/lifecycle"
	"devcluster/internal/state"
	"devcluster/internal/storage"
	"devcluster/internal/supervisor"
)

const usage = `usage: devcluster VERB [flags]

  up           start the cluster, or bring it back after a crash or a reboot
  down         stop it and clean up; keeps the data unless --delete-data
  status       what runs; exit code 0 healthy, 1 unhealthy, 3 not running
  kubeconfig   print the administrator's kubeconfig
  load-image   import image files: devcluster load-image FILE.tar...
  kubectl      run the bundled kubectl: devcluster kubectl get pods -A

devcluster VERB --help lists the flags of a verb.
`

const defaultStateDir = ".local/cluster"

// exitCode is an end that has been reported already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	verbs := map[string]func([]string) error{
		"up": up, "down": down, "status": status, "kubeconfig": kubeconfig, "load-image": loadImage, "kubectl": kubectl,
		// Started by `up` and by the supervisor:
		"supervise": supervise, "provisioner": provisioner,
		// For tests: no registry has their image.
		"pack-image": packImage,
	}
	verb, known := verbs[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "devcluster: unknown verb %q\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
	err := verb(os.Args[2:])
	var code exitCode
	switch {
	case errors.As(err, &code):
		os.Exit(int(code))
	case err != nil:
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

func newFlags(verb string) (*flag.FlagSet, *string) {
	flags := flag.NewFlagSet("devcluster "+verb, flag.ExitOnError)
	return flags, flags.String("state-dir", defaultStateDir, "folder of the cluster's data, logs and kubeconfig")
}

func noArguments(flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see %s --help", flags.Arg(0), flags.Name())
	}
	return nil
}

func up(arguments []string) error {
	flags, stateDir := newFlags("up")
	var options lifecycle.UpOptions
	flags.StringVar(&options.Name, "name", "", `name of the cluster (default "default"); several run side by side`)
	flags.StringVar(&options.BinDir, "bin-dir", "", "folder with the programs that cluster/build.sh made (default: where devcluster is)")
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "write the kubeconfig to this file, too")
	flags.Func("publish", "HOSTADDR:HOSTPORT:NODEPORT, repeatable: make a node port reachable on the host; kept for later starts; \"none\" closes all", func(value string) error {
		if options.Publish == nil {
			options.Publish = []string{}
		}
		if value != "none" {
			options.Publish = append(options.Publish, value)
		}
		return nil
	})
	audit := flags.Bool("audit", false, "write logs/audit.log (metadata of every request); kept until --audit=false")
	noFsync := flags.Bool("unsafe-no-fsync", false, "etcd does not wait for the disk: faster, but a power cut can lose data; kept until =false")
	controlPlane := flags.Bool("control-plane-only", false, "only etcd, API server and controller manager: no node, no pods; kept until =false")
	simulation := flags.String("simulate", "", "FILE with KWOK's configuration: nodes and pods are objects only, for benchmarks; kept until =\"\"")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	flags.Visit(func(given *flag.Flag) {
		switch given.Name {
		case "audit":
			options.Audit = audit
		case "unsafe-no-fsync":
			options.UnsafeNoFsync = noFsync
		case "control-plane-only":
			options.ControlPlaneOnly = controlPlane
		case "simulate":
			options.Simulation = simulation
		}
	})
	if err := noArguments(flags); err != nil {
		return err
	}
	binDir, err := folderOfPrograms(options.BinDir)
	if err != nil {
		return err
	}
	options.BinDir = binDir
	if *simulation != "" {
		// The components start elsewhere.
		if *simulation, err = filepath.Abs(*simulation); err != nil {
			return err
		}
	}
	return lifecycle.Up(*stateDir, options, os.Stdout)
}

func folderOfPrograms(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	self, err := os.Executable()
	return filepath.Dir(self), err
}

func down(arguments []string) error {
	flags, stateDir := newFlags("down")
	deleteData := flags.Bool("delete-data", false, "remove the state directory: all objects, volumes and images")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if err := noArguments(flags); err != nil {
		return err
	}
	return lifecycle.Down(*stateDir, *deleteData, os.Stdout)
}

func status(arguments []string) error {
	flags, stateDir := newFlags("status")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if err := noArguments(flags); err != nil {
		return err
	}
	code, err := lifecycle.ShowStatus(context.Background(), *stateDir, *asJSON, os.Stdout)
	if err != nil {
		return err
	}
	if code != lifecycle.Healthy {
		return exitCode(code)
	}
	return nil
}

// open reads an existing cluster.
func open(stateDir string) (*state.Cluster, error) {
	c, exists, err := state.Open(stateDir)
	if err == nil && !exists {
		err = fmt.Errorf("no cluster in %s: start one with devcluster up, or name its folder with --state-dir", c.Dir)
	}
	return c, err
}

func kubeconfig(arguments []string) error {
	flags, stateDir := newFlags("kubeconfig")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	c, err := open(*stateDir)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(c.Kubeconfig())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

func loadImage(arguments []string) error {
	flags, stateDir := newFlags("load-image")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("expected at least one image file (docker-archive or OCI tar)")
	}
	c, err := open(*stateDir)
	if err != nil {
		return err
	}
	if c.ControlPlaneOnly || c.Simulation != "" {
		return errors.New("this cluster has no node to load images into: it was started with --control-plane-only or --simulate")
	}
	for _, file := range flags.Args() {
		if err := image.Load(c, file, os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// kubectl takes --state-dir only as its first argument: all others are kubectl's.
func kubectl(arguments []string) error {
	stateDir := defaultStateDir
	if len(arguments) > 1 && arguments[0] == "--state-dir" {
		stateDir, arguments = arguments[1], arguments[2:]
	} else if len(arguments) > 0 && strings.HasPrefix(arguments[0], "--state-dir=") {
		stateDir, arguments = strings.TrimPrefix(arguments[0], "--state-dir="), arguments[1:]
	}
	c, err := open(stateDir)
	if err != nil {
		return err
	}
	binDir, err := folderOfPrograms("")
	if err != nil {
		return err
	}
	environment := append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	return syscall.Exec(filepath.Join(binDir, "kubernetes"), append([]string{"kubectl"}, arguments...), environment)
}

func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

func supervise(arguments []string) error {
	flags, stateDir := newFlags("supervise")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	c, err := open(*stateDir)
	if err != nil {
		return err
	}
	ctx, cancel := untilSignal()
	defer cancel()
	syscall.CloseOnExec(3)
	return supervisor.Run(ctx, c, os.NewFile(3, "progress"))
}

func provisioner(arguments []string) error {
	flags := flag.NewFlagSet("devcluster provisioner", flag.ExitOnError)
	var options storage.Options
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "kubeconfig")
	flags.StringVar(&options.Volumes, "volumes", "", "folder of the volumes")
	flags.StringVar(&options.Node, "node", "", "name of the node")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	ctx, cancel := untilSignal()
	defer cancel()
	return storage.Run(ctx, options)
}

// packImage makes an image file of one static program: devcluster pack-image PROGRAM NAME FILE.
func packImage(arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("usage: devcluster pack-image PROGRAM NAME FILE")
	}
	return image.WriteArchive(arguments[2], arguments[1], arguments[0])
}
