package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"devcluster/internal/state"
)

func cluster(t *testing.T) *state.Cluster {
	t.Helper()
	return &state.Cluster{Dir: t.TempDir(), Config: state.Config{Name: "test", Link: 5}}
}

func ensure(t *testing.T, c *state.Cluster) {
	t.Helper()
	if err := Ensure(c); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, c *state.Cluster, file string) string {
	t.Helper()
	data, err := os.ReadFile(c.Path("pki", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// handshake connects a client to a server, each with certificates of the cluster.
func handshake(t *testing.T, c *state.Cluster, serverAuthority, server, address, clientAuthority, client string) error {
	t.Helper()
	pool := func(name string) *x509.CertPool {
		found := x509.NewCertPool()
		found.AppendCertsFromPEM([]byte(content(t, c, name+".crt")))
		return found
	}
	pair := func(name string) []tls.Certificate {
		loaded, err := tls.LoadX509KeyPair(c.Path("pki", name+".crt"), c.Path("pki", name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{loaded}
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: pair(server), ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(clientAuthority)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			defer connection.Close()
			err = connection.(*tls.Conn).Handshake()
		}
		accepted <- err
	}()
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	connection, err := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), &tls.Config{Certificates: pair(client), RootCAs: pool(serverAuthority), ServerName: address})
	if err != nil {
		return err
	}
	defer connection.Close()
	return <-accepted // with TLS 1.3 the client is done before the server has judged its certificate
}

func TestCertificatesFitTheirUse(t *testing.T) {
	c := cluster(t)
	ensure(t, c)
	node := c.NodeIP().String()
	for name, test := range map[string]struct {
		serverAuthority, server, address, clientAuthority, client string
		good                                                      bool
	}{
		"admin to the API server":                  {"ca", "apiserver", node, "ca", "admin", true},
		"a pod's name for the API server":          {"ca", "apiserver", "kubernetes.default.svc", "ca", "admin", true},
		"the service address of the API server":    {"ca", "apiserver", state.APIService, "ca", "admin", true},
		"the API server to the kubelet":            {"ca", "kubelet-server", node, "ca", "apiserver-kubelet-client", true},
		"the API server to metrics-server":         {"ca", "metrics-server-server", "metrics-server.kube-system.svc", "front-proxy-ca", "front-proxy-client", true},
		"the API server to etcd":                   {"etcd-ca", "etcd", node, "etcd-ca", "etcd-client", true},
		"a cluster's client is nobody for etcd":    {"etcd-ca", "etcd", node, "etcd-ca", "admin", false},
		"a client is no front proxy":               {"ca", "apiserver", node, "front-proxy-ca", "admin", false},
		"another name than the certificate's":      {"ca", "apiserver", "example.com", "ca", "admin", false},
		"a server's certificate is not a client's": {"ca", "apiserver", node, "ca", "kubelet-server", false},
	} {
		err := handshake(t, c, test.serverAuthority, test.server, test.address, test.clientAuthority, test.client)
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnsureKeepsWhatIsGoodAndRenewsWhatIsNot(t *testing.T) {
	c := cluster(t)
	ensure(t, c)
	authority, server, client := content(t, c, "ca.crt"), content(t, c, "apiserver.crt"), content(t, c, "admin.crt")
	ensure(t, c)
	if authority != content(t, c, "ca.crt") || server != content(t, c, "apiserver.crt") || client != content(t, c, "admin.crt") {
		t.Error("a second Ensure changed certificates that were good")
	}
	c.Link = 6
	ensure(t, c)
	if authority != content(t, c, "ca.crt") || client != content(t, c, "admin.crt") {
		t.Error("a new address changed certificates without addresses")
	}
	if server == content(t, c, "apiserver.crt") {
		t.Error("a new address left the API server's certificate")
	}
	if err := os.Remove(c.Path("pki", "ca.key")); err != nil {
		t.Fatal(err)
	}
	ensure(t, c)
	if client == content(t, c, "admin.crt") {
		t.Error("a new authority left a client's certificate of the old one")
	}
}

func TestSecretsAreForRootAlone(t *testing.T) {
	c := cluster(t)
	ensure(t, c)
	files := []string{c.Kubeconfig(), c.Path("pki", "ca.key"), c.Path("pki", "service-account.key"), c.Path("pki", "admin.kubeconfig")}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", file, info.Mode(), err)
		}
	}
}

func TestKubeconfigNamesTheServer(t *testing.T) {
	c := cluster(t)
	ensure(t, c)
	config, err := Kubeconfig(c, "admin")
	if err != nil || !strings.Contains(string(config), "server: https://10.87.0.22:6443\n") || strings.Contains(string(config), c.Dir) {
		t.Errorf("it should name the server and no file: %s, %v", config, err)
	}
}
