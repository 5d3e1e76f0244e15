package component

import (
	"context"
	"fmt"
	"net"
	"strings"

	"devcluster/internal/state"
)

// corefile: names of the cluster are never cached, so that a Service can be found at once by a client that asked too early.
const corefile = `.:53 {
	bind %[1]s
	errors
	ready %[1]s:8181
	kubernetes %[2]s in-addr.arpa ip6.arpa {
		kubeconfig %[3]s
		pods insecure
		fallthrough in-addr.arpa ip6.arpa
		ttl 5
	}
	%[4]s
	cache 30 {
		disable success %[2]s
		disable denial %[2]s
	}
	loadbalance
}
`

func coreDNS(c *state.Cluster) *Component {
	config := c.Path("config", "Corefile")
	component := program(c, "coredns", "-conf", config, "-quiet")
	component.Program = c.Bin("coredns")
	component.prepare = func() error {
		forward := "# the host has no name server that can be reached from here: only names of the cluster are answered"
		if servers := upstreams(); len(servers) > 0 {
			forward = "forward . " + strings.Join(servers, " ")
		}
		content := fmt.Sprintf(corefile, c.NodeIP(), state.Domain, kubeconfig(c, "coredns"), forward)
		return state.WriteFile(config, []byte(content), 0o644)
	}
	component.check = func(ctx context.Context) error {
		resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(c.NodeIP().String(), "53"))
		}}
		addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+state.Domain+".")
		if err == nil && (len(addresses) != 1 || addresses[0] != state.APIService) {
			err = fmt.Errorf("kubernetes.default resolves to %v, expected %s", addresses, state.APIService)
		}
		return err
	}
	return component
}
