package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"

	"devcluster/internal/publish"
	"devcluster/internal/state"
)

const publishPath = "/publish"

// publish opens the remembered ports and the socket through which `up` changes them.
func (s *supervisor) publish(ctx context.Context) error {
	ports, err := publish.ParseAll(s.cluster.Publish)
	if err != nil {
		return err
	}
	if err := s.publisher.Set(ports); err != nil {
		return err
	}
	for _, port := range ports {
		s.report("published: %s -> node port %d", port.Host, port.NodePort)
	}
	path := s.cluster.Run("control.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path) // the run directory is root's alone
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+publishPath, s.servePublish)
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return nil
}

func (s *supervisor) servePublish(response http.ResponseWriter, request *http.Request) {
	var texts []string
	err := json.NewDecoder(request.Body).Decode(&texts)
	if err == nil {
		var ports []publish.Port
		if ports, err = publish.ParseAll(texts); err == nil {
			err = s.publisher.Set(ports)
		}
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusConflict)
	}
}

// ChangePublished tells a running supervisor to publish these ports and no others.
func ChangePublished(c *state.Cluster, ports []string) error {
	body, err := json.Marshal(ports)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Run("control.sock"))
	}}}
	request, err := http.NewRequest(http.MethodPut, "http://supervisor"+publishPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the supervisor does not answer: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return errors.New(strings.TrimSpace(string(message)))
	}
	return nil
}
