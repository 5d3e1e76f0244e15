// Package pki makes the certificates and kubeconfigs of a cluster.
//
// Three authorities, so that a certificate of one kind is worth nothing elsewhere: the cluster's (API server, kubelet,
// clients), etcd's, and the front proxy's, whose clients the API server's extensions believe any user name.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"devcluster/internal/state"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// renewBefore is long enough that a cluster started now outlives any session of work.
	renewBefore = 90 * 24 * time.Hour
)

// Client is an identity with a certificate and, unless it is for etcd or the front proxy, a kubeconfig.
type Client struct {
	Name, User string
	Groups     []string
}

// Clients of the API server. The system: users have their rights from Kubernetes itself, the devcluster: ones from the
// manifests package.
func Clients(c *state.Cluster) []Client {
	return []Client{
		{Name: "admin", User: "devcluster-admin", Groups: []string{"system:masters"}},
		{Name: "kube-controller-manager", User: "system:kube-controller-manager"},
		{Name: "kube-scheduler", User: "system:kube-scheduler"},
		{Name: "kube-proxy", User: "system:kube-proxy"},
		{Name: "kubelet", User: "system:node:" + c.Node(), Groups: []string{"system:nodes"}},
		{Name: "kube-router", User: "devcluster:kube-router"},
		{Name: "coredns", User: "devcluster:coredns"},
		{Name: "metrics-server", User: "devcluster:metrics-server"},
		{Name: "provisioner", User: "devcluster:provisioner"},
	}
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// Ensure makes what is missing, expires soon or does not fit the node's address.
func Ensure(c *state.Cluster) error {
	dir := c.Path("pki")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := ensureKey(filepath.Join(dir, "service-account.key")); err != nil {
		return err
	}
	authorities := map[string]*authority{}
	for _, name := range []string{"ca", "etcd-ca", "front-proxy-ca"} {
		made, err := ensureAuthority(filepath.Join(dir, name), "devcluster "+c.Name+" "+name)
		if err != nil {
			return fmt.Errorf("certificate authority %s: %w", name, err)
		}
		authorities[name] = made
	}
	for name, leaf := range leaves(c) {
		if err := authorities[leaf.issuer].ensureLeaf(filepath.Join(dir, name), leaf); err != nil {
			return fmt.Errorf("certificate %s: %w", name, err)
		}
	}
	return writeKubeconfigs(c)
}

type leaf struct {
	issuer  string
	subject pkix.Name
	names   []string
	ips     []net.IP
	usage   []x509.ExtKeyUsage
}

func leaves(c *state.Cluster) map[string]leaf {
	client, server := x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	node, loopback := net.IP(c.NodeIP().AsSlice()), net.IPv4(127, 0, 0, 1)
	apiNames := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + state.Domain}
	found := map[string]leaf{
		"apiserver": {issuer: "ca", subject: pkix.Name{CommonName: "kube-apiserver"}, names: apiNames,
			ips: []net.IP{node, loopback, net.ParseIP(state.APIService)}, usage: []x509.ExtKeyUsage{server}},
		"kubelet-server": {issuer: "ca", subject: pkix.Name{CommonName: "system:node:" + c.Node()}, names: []string{c.Node()},
			ips: []net.IP{node}, usage: []x509.ExtKeyUsage{server}},
		"metrics-server-server": {issuer: "ca", subject: pkix.Name{CommonName: "metrics-server"},
			names: []string{"metrics-server.kube-system.svc"}, ips: []net.IP{node}, usage: []x509.ExtKeyUsage{server}},
		"apiserver-kubelet-client": {issuer: "ca", usage: []x509.ExtKeyUsage{client},
			subject: pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}}},
		"front-proxy-client": {issuer: "front-proxy-ca", subject: pkix.Name{CommonName: "front-proxy-client"}, usage: []x509.ExtKeyUsage{client}},
		"etcd-client":        {issuer: "etcd-ca", subject: pkix.Name{CommonName: "kube-apiserver"}, usage: []x509.ExtKeyUsage{client}},
		// etcd's gateway calls itself with its server certificate, hence both usages.
		"etcd": {issuer: "etcd-ca", subject: pkix.Name{CommonName: "etcd"}, ips: []net.IP{node, loopback}, usage: []x509.ExtKeyUsage{server, client}},
	}
	for _, identity := range Clients(c) {
		subject := pkix.Name{CommonName: identity.User, Organization: identity.Groups}
		found[identity.Name] = leaf{issuer: "ca", subject: subject, usage: []x509.ExtKeyUsage{client}}
	}
	return found
}

func ensureAuthority(base, commonName string) (*authority, error) {
	if certificate, err := readCertificate(base + ".crt"); err == nil && usable(certificate) {
		key, err := readKey(base + ".key")
		if err == nil {
			return &authority{certificate, key}, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: commonName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key}, writePair(base, der, key)
}

func (a *authority) ensureLeaf(base string, want leaf) error {
	if have, err := readCertificate(base + ".crt"); err == nil && usable(have) && have.CheckSignatureFrom(a.certificate) == nil && fits(have, want) {
		if _, err := readKey(base + ".key"); err == nil {
			return nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: want.subject, DNSNames: want.names, IPAddresses: want.ips,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: want.usage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePair(base, der, key)
}

func usable(certificate *x509.Certificate) bool {
	return time.Now().Add(renewBefore).Before(certificate.NotAfter)
}

func fits(have *x509.Certificate, want leaf) bool {
	return have.Subject.CommonName == want.subject.CommonName && slices.Equal(have.Subject.Organization, want.subject.Organization) &&
		slices.Equal(have.DNSNames, want.names) && slices.EqualFunc(have.IPAddresses, want.ips, net.IP.Equal)
}

func serial() *big.Int {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the kernel's random source does not fail
	}
	return number
}

func ensureKey(path string) error {
	if _, err := readKey(path); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey(path, key)
}

func writePair(base string, der []byte, key *ecdsa.PrivateKey) error {
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := writeKey(base+".key", key); err != nil {
		return err
	}
	return state.WriteFile(base+".crt", certificate, 0o600)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return state.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func readCertificate(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func writeKubeconfigs(c *state.Cluster) error {
	for _, client := range Clients(c) {
		content, err := Kubeconfig(c, client.Name)
		if err != nil {
			return err
		}
		if err := state.WriteFile(c.Path("pki", client.Name+".kubeconfig"), content, 0o600); err != nil {
			return err
		}
	}
	content, err := Kubeconfig(c, "admin")
	if err != nil {
		return err
	}
	return state.WriteFile(c.Kubeconfig(), content, 0o600)
}

// Kubeconfig is the kubeconfig of a client, complete in itself: it can be copied anywhere.
func Kubeconfig(c *state.Cluster, client string) ([]byte, error) {
	encoded := map[string]string{}
	for _, file := range []string{"ca.crt", client + ".crt", client + ".key"} {
		data, err := os.ReadFile(c.Path("pki", file))
		if err != nil {
			return nil, err
		}
		encoded[file] = base64.StdEncoding.EncodeToString(data)
	}
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[1]s}
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
`, "devcluster-"+c.Name, c.Server(), encoded["ca.crt"], encoded[client+".crt"], encoded[client+".key"]), nil
}
