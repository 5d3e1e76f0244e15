// Package publish makes node ports reachable on the host, like extraPortMappings of kind.
package publish

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"devcluster/internal/proc"
)

// Port is one published port: connections to Host go to NodePort of the node.
type Port struct {
	Host     netip.AddrPort
	NodePort uint16
}

// Parse reads HOSTADDR:HOSTPORT:NODEPORT; an IPv6 address stands in brackets.
func Parse(text string) (Port, error) {
	wrong := fmt.Errorf("--publish %q: expected HOSTADDR:HOSTPORT:NODEPORT, for example 127.0.0.1:8443:30443", text)
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return Port{}, wrong
	}
	host, err := netip.ParseAddrPort(text[:colon])
	if err != nil {
		return Port{}, wrong
	}
	nodePort, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil {
		return Port{}, wrong
	}
	if nodePort < 30000 || nodePort > 32767 {
		return Port{}, fmt.Errorf("--publish %q: node port %d is outside of 30000-32767, where Kubernetes puts node ports", text, nodePort)
	}
	return Port{Host: host, NodePort: uint16(nodePort)}, nil
}

// ParseAll reads a list and refuses two entries for one host port.
func ParseAll(texts []string) ([]Port, error) {
	var ports []Port
	for _, text := range texts {
		port, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(ports, func(other Port) bool { return other.Host == port.Host }) {
			return nil, fmt.Errorf("--publish %q: %s is published twice", text, port.Host)
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// Publisher holds the listeners. The zero value publishes nothing.
type Publisher struct {
	Node netip.Addr

	mutex     sync.Mutex
	listeners map[Port]net.Listener
}

// Set publishes exactly these ports: all of them or, with an error, what was published before.
func (p *Publisher) Set(ports []Port) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	next := map[Port]net.Listener{}
	// A host port may move to another node port, so what goes is closed first.
	removed := map[Port]bool{}
	for port, listener := range p.listeners {
		if slices.Contains(ports, port) {
			next[port] = listener
		} else {
			listener.Close()
			removed[port] = true
		}
	}
	var failures []error
	for _, port := range ports {
		if next[port] != nil {
			continue
		}
		if listener, err := p.listen(port); err != nil {
			failures = append(failures, err)
		} else {
			next[port] = listener
		}
	}
	if len(failures) == 0 {
		p.listeners = next
		return nil
	}
	p.restore(next, removed)
	return errors.Join(failures...)
}

func (p *Publisher) restore(next map[Port]net.Listener, removed map[Port]bool) {
	for port, listener := range next {
		if p.listeners[port] == nil {
			listener.Close()
		}
	}
	for port := range removed {
		listener, err := p.listen(port)
		if err != nil {
			delete(p.listeners, port)
			continue
		}
		p.listeners[port] = listener
	}
}

func (p *Publisher) listen(port Port) (net.Listener, error) {
	listener, err := net.Listen("tcp", port.Host.String())
	if err != nil {
		return nil, Explain(port, err)
	}
	go p.serve(listener, port)
	return listener, nil
}

// Explain adds to a failed listen who has the port.
func Explain(port Port, err error) error {
	owner := proc.PortOwner(int(port.Host.Port()))
	if owner == "" {
		return fmt.Errorf("cannot publish on %s: %w; choose another host port with --publish", port.Host, err)
	}
	return fmt.Errorf("cannot publish on %s: %w: the port is in use by %s; stop it or choose another host port with --publish", port.Host, err, owner)
}

// Check tells whether the ports could be published by a process that publishes nothing yet.
func Check(ports []Port) error {
	var failures []error
	for _, port := range ports {
		listener, err := net.Listen("tcp", port.Host.String())
		if err != nil {
			failures = append(failures, Explain(port, err))
			continue
		}
		listener.Close()
	}
	return errors.Join(failures...)
}

func (p *Publisher) serve(listener net.Listener, port Port) {
	target := netip.AddrPortFrom(p.Node, port.NodePort).String()
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(50 * time.Millisecond) // out of descriptors: the next connection to close frees one
			continue
		}
		go forward(client.(*net.TCPConn), target)
	}
}

// forward copies both ways. Each side's end of data is passed on by itself: a client that has sent its request may close
// its half and still read the answer.
func forward(client *net.TCPConn, target string) {
	defer client.Close()
	connection, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		_ = client.SetLinger(0) // a reset, as the node port itself would have answered
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	var both sync.WaitGroup
	for _, direction := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		both.Go(func() {
			from, to := direction[0], direction[1]
			if _, err := io.Copy(to, from); err != nil {
				// The connection is broken: without this the other direction would wait for ever.
				client.Close()
				server.Close()
				return
			}
			_ = to.CloseWrite()
		})
	}
	both.Wait()
}
