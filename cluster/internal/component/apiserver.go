package component

import (
	"fmt"

	"devcluster/internal/state"
)

// auditPolicy records who asked for what, without bodies: enough to count a client's requests, and no secret in the file.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func apiServer(c *state.Cluster) *Component {
	args := []string{
		"--advertise-address=" + c.NodeIP().String(),
		fmt.Sprintf("--secure-port=%d", state.APIPort),
		fmt.Sprintf("--etcd-servers=https://%s:2379", c.NodeIP()),
		"--etcd-cafile=" + pkiFile(c, "etcd-ca.crt"),
		"--etcd-certfile=" + pkiFile(c, "etcd-client.crt"),
		"--etcd-keyfile=" + pkiFile(c, "etcd-client.key"),
		"--tls-cert-file=" + pkiFile(c, "apiserver.crt"),
		"--tls-private-key-file=" + pkiFile(c, "apiserver.key"),
		"--client-ca-file=" + pkiFile(c, "ca.crt"),
		"--kubelet-client-certificate=" + pkiFile(c, "apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + pkiFile(c, "apiserver-kubelet-client.key"),
		"--kubelet-certificate-authority=" + pkiFile(c, "ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--proxy-client-cert-file=" + pkiFile(c, "front-proxy-client.crt"),
		"--proxy-client-key-file=" + pkiFile(c, "front-proxy-client.key"),
		"--requestheader-client-ca-file=" + pkiFile(c, "front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc." + state.Domain,
		"--service-account-key-file=" + pkiFile(c, "service-account.key"),
		"--service-account-signing-key-file=" + pkiFile(c, "service-account.key"),
		"--service-cluster-ip-range=" + state.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
	}
	if c.Audit {
		args = append(args, "--audit-policy-file="+c.Path("config", "audit.yaml"), "--audit-log-path="+c.Path("logs", "audit.log"),
			"--audit-log-maxsize=200", "--audit-log-maxbackup=2")
	}
	component := program(c, "kube-apiserver", args...)
	component.prepare = func() error {
		return state.WriteFile(c.Path("config", "audit.yaml"), []byte(auditPolicy), 0o644)
	}
	component.check = httpCheck(c, "ca", "admin", c.Server()+"/readyz")
	return component
}
