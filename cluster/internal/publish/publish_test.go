package publish

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Port{
		"127.0.0.1:8443:30443": {netip.MustParseAddrPort("127.0.0.1:8443"), 30443},
		"[::1]:80:32767":       {netip.MustParseAddrPort("[::1]:80"), 32767},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "8443:30443", "localhost:8443:30443", "127.0.0.1:8443:80", "127.0.0.1:8443:32768", "127.0.0.1:x:30443", "127.0.0.1:70000:30443"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, expected an error", text, got)
		}
	}
	if _, err := ParseAll([]string{"127.0.0.1:1:30000", "127.0.0.1:1:30001"}); err == nil {
		t.Error("one host port was accepted twice")
	}
}

// forwarder publishes a free port and sends it to a server, which stands for a node port outside of the range.
func forwarder(t *testing.T, serve func(*net.TCPConn)) net.Listener {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			connection, err := server.Accept()
			if err != nil {
				return
			}
			go serve(connection.(*net.TCPConn))
		}
	}()
	target := server.Addr().(*net.TCPAddr)
	publisher := &Publisher{Node: netip.MustParseAddr("127.0.0.1")}
	listener, err := publisher.listen(Port{Host: netip.MustParseAddrPort("127.0.0.1:0"), NodePort: uint16(target.Port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return connection.(*net.TCPConn)
}

func TestAClientThatClosesItsHalfStillReadsTheAnswer(t *testing.T) {
	listener := forwarder(t, func(connection *net.TCPConn) {
		defer connection.Close()
		request, err := io.ReadAll(connection) // returns only when the client's end has arrived
		if err == nil {
			fmt.Fprintf(connection, "read %s", request)
		}
	})
	client := dial(t, listener.Addr().String())
	if _, err := client.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(client); err != nil || string(answer) != "read question" {
		t.Errorf("answer %q, %v", answer, err)
	}
}

func TestAServerThatClosesItsHalfStillReadsTheClient(t *testing.T) {
	received := make(chan string, 1)
	listener := forwarder(t, func(connection *net.TCPConn) {
		defer connection.Close()
		fmt.Fprint(connection, "bye")
		_ = connection.CloseWrite()
		rest, _ := io.ReadAll(connection)
		received <- string(rest)
	})
	client := dial(t, listener.Addr().String())
	if answer, err := io.ReadAll(client); err != nil || string(answer) != "bye" {
		t.Fatalf("answer %q, %v", answer, err)
	}
	if _, err := client.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-received:
		if got != "still here" {
			t.Errorf("the server read %q", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("the client's data did not arrive")
	}
}

func TestABrokenConnectionEndsBothSides(t *testing.T) {
	ended := make(chan struct{})
	listener := forwarder(t, func(connection *net.TCPConn) {
		_, _ = io.ReadAll(connection)
		close(ended)
	})
	client := dial(t, listener.Addr().String())
	if err := client.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close() // a reset
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the server's side is still open")
	}
}

func TestNothingBehindThePortIsAReset(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := nobody.Addr().(*net.TCPAddr).Port
	nobody.Close()
	publisher := &Publisher{Node: netip.MustParseAddr("127.0.0.1")}
	listener, err := publisher.listen(Port{Host: netip.MustParseAddrPort("127.0.0.1:0"), NodePort: uint16(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err == nil { // else the reset came even before connect returned
		defer connection.Close()
		_, err = io.ReadAll(connection)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, expected a reset", err)
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func reachable(port uint16) bool {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		connection.Close()
	}
	return !errors.Is(err, syscall.ECONNREFUSED) // no node port answers here, so an accepted connection may be reset at once
}

func TestSetReplacesAllOrKeepsAll(t *testing.T) {
	node := netip.MustParseAddr("127.0.0.1")
	publisher := &Publisher{Node: node}
	first, second := freePort(t), freePort(t)
	old, next := Port{netip.AddrPortFrom(node, first), 30001}, Port{netip.AddrPortFrom(node, second), 30002}
	if err := publisher.Set([]Port{old}); err != nil || !reachable(first) {
		t.Fatalf("not published: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	impossible := Port{taken.Addr().(*net.TCPAddr).AddrPort(), 30003}
	err = publisher.Set([]Port{next, impossible})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) || !strings.Contains(err.Error(), impossible.Host.String()) {
		t.Errorf("the error should name port and process: %v", err)
	}
	if !reachable(first) || reachable(second) {
		t.Error("a failed Set should leave what was published before")
	}
	if err := publisher.Set([]Port{next}); err != nil || reachable(first) || !reachable(second) {
		t.Errorf("not replaced: %v", err)
	}
	moved := Port{next.Host, 30009}
	if err := publisher.Set([]Port{moved}); err != nil || !reachable(second) {
		t.Errorf("a host port could not move to another node port: %v", err)
	}
	if err := publisher.Set(nil); err != nil || reachable(second) {
		t.Errorf("not closed: %v", err)
	}
}
