package component

import (
	"fmt"

	"devcluster/internal/state"
)

func etcd(c *state.Cluster) *Component {
	client := fmt.Sprintf("https://%s:2379", c.NodeIP())
	args := []string{
		"--name=default",
		"--data-dir=" + c.Path("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--cert-file=" + pkiFile(c, "etcd.crt"),
		"--key-file=" + pkiFile(c, "etcd.key"),
		"--trusted-ca-file=" + pkiFile(c, "etcd-ca.crt"),
		"--client-cert-auth",
		// One member: it has no peers. The port is open all the same, to pods with hostNetwork too, so it asks for a certificate.
		"--listen-peer-urls=https://127.0.0.1:2380",
		"--initial-advertise-peer-urls=https://127.0.0.1:2380",
		"--initial-cluster=default=https://127.0.0.1:2380",
		"--peer-cert-file=" + pkiFile(c, "etcd.crt"),
		"--peer-key-file=" + pkiFile(c, "etcd.key"),
		"--peer-trusted-ca-file=" + pkiFile(c, "etcd-ca.crt"),
		"--peer-client-cert-auth",
		"--auto-compaction-retention=1h",
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
	}
	if c.UnsafeNoFsync {
		args = append(args, "--unsafe-no-fsync")
	}
	component := program(c, "etcd", args...)
	component.check = httpCheck(c, "etcd-ca", "etcd-client", client+"/health")
	return component
}
