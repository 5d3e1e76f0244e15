// Command toolbox is the program of the test pods: this machine has no image registry to pull one from.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const usage = `usage: toolbox serve ADDR | get URL | resolve NAME | write FILE TEXT | read FILE | list DIR | id | sleep`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	verbs := map[string]struct {
		count int
		do    func([]string) error
	}{
		"serve": {1, serve}, "get": {1, get}, "resolve": {1, resolve}, "write": {2, write}, "read": {1, read}, "list": {1, list},
		"id": {0, id}, "sleep": {0, wait},
	}
	if len(arguments) == 0 {
		return fmt.Errorf("%s", usage)
	}
	verb, known := verbs[arguments[0]]
	if !known || len(arguments) != verb.count+1 {
		return fmt.Errorf("%s", usage)
	}
	return verb.do(arguments[1:])
}

func wait([]string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	return nil
}

func serve(arguments []string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	fmt.Println("serving on", arguments[0])
	go func() {
		_ = wait(nil)
		os.Exit(0)
	}()
	return http.ListenAndServe(arguments[0], http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(response, "hello from %s to %s\n", name, request.RemoteAddr)
	}))
}

func get(arguments []string) error {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
	response, err := client.Get(arguments[0])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func resolve(arguments []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := (&net.Resolver{PreferGo: true}).LookupHost(ctx, arguments[0])
	fmt.Println(addresses)
	return err
}

func write(arguments []string) error { return os.WriteFile(arguments[0], []byte(arguments[1]), 0o644) }

func read(arguments []string) error {
	content, err := os.ReadFile(arguments[0])
	fmt.Print(string(content))
	return err
}

func list(arguments []string) error {
	entries, err := filepath.Glob(filepath.Join(arguments[0], "*"))
	fmt.Println(entries)
	return err
}

func id([]string) error {
	groups, err := os.Getgroups()
	fmt.Println(os.Getuid(), os.Getgid(), groups)
	return err
}
