package network

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"devcluster/internal/state"
)

// ChooseLink picks the number of a /30 that overlaps nothing in use. The search starts at a place given by seed, so that
// clusters that are down at the moment rarely lose their address to a new one.
func ChooseLink(inUse []netip.Prefix, seed string) (int, error) {
	hash := fnv.New32a()
	hash.Write([]byte(seed))
	start := int(hash.Sum32() % state.Links)
	for offset := range state.Links {
		number := (start + offset) % state.Links
		if number != 0 && free(state.LinkPrefix(number), inUse) {
			return number, nil
		}
	}
	return 0, errors.New("no free /30 network left in 10.87.0.0/16: this host routes all of it elsewhere")
}

func free(candidate netip.Prefix, inUse []netip.Prefix) bool {
	for _, prefix := range inUse {
		// A default route, or another one wider than our whole range, is no conflict: ours is more specific.
		if prefix.Bits() > 16 && prefix.Overlaps(candidate) {
			return false
		}
	}
	return true
}

// LinkFree tells whether a number chosen earlier is still usable.
func LinkFree(number int, inUse []netip.Prefix) bool {
	return number > 0 && number < state.Links && free(state.LinkPrefix(number), inUse)
}

// InUse lists the networks of this host: addresses and routes.
func InUse() ([]netip.Prefix, error) {
	var found []netip.Prefix
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			found = append(found, prefix.Masked())
		}
	}
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, err
	}
	return append(found, parseRoutes(string(routes))...), nil
}

// parseRoutes reads /proc/net/route: field 1 is the destination and field 7 the mask, hex in the machine's byte order.
func parseRoutes(table string) []netip.Prefix {
	var found []netip.Prefix
	for _, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		destination, errDestination := strconv.ParseUint(fields[1], 16, 32)
		mask, errMask := strconv.ParseUint(fields[7], 16, 32)
		if errDestination != nil || errMask != nil {
			continue // the heading
		}
		bits, _ := net.IPv4Mask(byte(mask), byte(mask>>8), byte(mask>>16), byte(mask>>24)).Size()
		address := netip.AddrFrom4([4]byte{byte(destination), byte(destination >> 8), byte(destination >> 16), byte(destination >> 24)})
		found = append(found, netip.PrefixFrom(address, bits))
	}
	return found
}

// Connect plugs the cable between host and namespace and lets the node reach the outside as the host does.
func Connect(c *state.Cluster) error {
	host, namespace := c.HostInterface(), c.Run("netns")
	if err := connectCable(c, host, namespace); err != nil {
		return err
	}
	for _, setting := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/" + host + "/forwarding"} {
		if err := enableSetting(setting); err != nil {
			return err
		}
	}
	if err := run(hostTable(c), "nft", "-f", "-"); err != nil {
		return err
	}
	return openFirewall(host)
}

func connectCable(c *state.Cluster, host, namespace string) error {
	// A left-over interface of an earlier life would carry the wrong peer.
	if err := deleteInterface(host); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", namespace},
		{"address", "add", netip.PrefixFrom(c.HostIP(), 30).String(), "dev", host},
		{"link", "set", host, "alias", "devcluster " + c.Name, "up"},
	} {
		if err := run("", "ip", args...); err != nil {
			return err
		}
	}
	return In(namespace, func() error {
		for _, args := range [][]string{
			{"link", "set", "lo", "up"},
			{"address", "add", netip.PrefixFrom(c.NodeIP(), 30).String(), "dev", "eth0"},
			{"link", "set", "eth0", "up"},
			{"route", "add", "default", "via", c.HostIP().String()},
		} {
			if err := run("", "ip", args...); err != nil {
				return err
			}
		}
		if err := enableSetting("net/ipv4/ip_forward"); err != nil {
			return err
		}
		return run(nodeTable(), "nft", "-f", "-")
	})
}

// deleteInterface removes an interface if it is there. The kernel may remove it in the same moment, because it is still
// taking the namespace at the other end apart.
func deleteInterface(name string) error {
	exists := func() bool {
		_, err := net.InterfaceByName(name)
		return err == nil
	}
	if !exists() {
		return nil
	}
	if err := run("", "ip", "link", "delete", name); err != nil && exists() {
		return err
	}
	return nil
}

func enableSetting(name string) error {
	path := filepath.Join("/proc/sys", name)
	if value, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(value)) == "1" {
		return nil
	}
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		return fmt.Errorf("switch on %s, without which pods cannot reach the outside: %w", path, err)
	}
	return nil
}

// hostTable hides the node behind the host's addresses, and from everyone but the host: with forwarding switched on,
// another machine could otherwise reach node ports by a route through this host. The first two lines make it an idempotent
// replacement.
func hostTable(c *state.Cluster) string {
	return fmt.Sprintf(`table ip %[1]s {}
delete table ip %[1]s
table ip %[1]s {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s oifname != "%[3]s" masquerade
	}
	chain forward {
		type filter hook forward priority filter;
		oifname "%[3]s" ct state established,related accept
		oifname "%[3]s" drop
	}
}
`, c.Table(), c.LinkPrefix().Masked(), c.HostInterface())
}

// nodeTable hides pods behind the node, for everything that is not a pod.
func nodeTable() string {
	return fmt.Sprintf(`table ip devcluster {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr %[1]s ip daddr != %[1]s oifname "eth0" masquerade
	}
}
`, state.PodCIDR)
}

// firewallRules are needed where the host drops forwarded packets (Docker sets that policy). A verdict in a table of our
// own cannot overrule a drop in the host's table, so they go to the top of the host's own chain.
func firewallRules(host string) [][]string {
	return [][]string{
		{"FORWARD", "-i", host, "-m", "comment", "--comment", "devcluster", "-j", "ACCEPT"},
		{"FORWARD", "-o", host, "-m", "comment", "--comment", "devcluster", "-j", "ACCEPT"},
	}
}

func openFirewall(host string) error {
	chain, err := exec.Command("iptables", "-S", "FORWARD").Output()
	if err != nil || strings.TrimSpace(string(chain)) == "-P FORWARD ACCEPT" {
		return nil // no iptables filter on this host, or an empty one that lets everything pass
	}
	for _, rule := range firewallRules(host) {
		if exec.Command("iptables", append([]string{"-C"}, rule...)...).Run() == nil {
			continue
		}
		if err := run("", "iptables", append([]string{"-I"}, rule...)...); err != nil {
			return err
		}
	}
	return nil
}

// Disconnect removes what Connect left on the host.
func Disconnect(c *state.Cluster) error {
	var failures []error
	host := c.HostInterface()
	failures = append(failures, deleteInterface(host))
	if exec.Command("nft", "list", "table", "ip", c.Table()).Run() == nil {
		failures = append(failures, run("", "nft", "delete", "table", "ip", c.Table()))
	}
	for _, rule := range firewallRules(host) {
		for exec.Command("iptables", append([]string{"-C"}, rule...)...).Run() == nil {
			if err := run("", "iptables", append([]string{"-D"}, rule...)...); err != nil {
				failures = append(failures, err)
				break
			}
		}
	}
	return errors.Join(failures...)
}
