#!/bin/sh
# Runs inside of a started environment (../test.sh).
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh
mkdir -p "$HOME/g" && cd "$HOME/g" || exit 1
printf 'module example.com/smoke\n\ngo 1.26\n' > go.mod
printf 'package main\n\nimport "fmt"\n\nfunc double(x int) int { return 2 * x }\n\nfunc main() { fmt.Println("hello 你好", double(21)) }\n' > main.go
printf 'package main\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n\tif double(2) != 4 {\n\t\tt.Fatal("wrong")\n\t}\n}\n' > main_test.go

check 'go is version 1.26' prints go1.26 go version
check 'go compiles and runs a program' prints 'hello 你好 42' go run .
check 'go runs tests' prints ok go test ./...
check 'go vet and gofmt run' sh -c 'go vet ./... && test -z "$(gofmt -l .)"'
check 'go install puts commands into the home and on PATH' prints 'hello 你好 42' sh -c 'go install . && command -v smoke | grep -q "^$HOME/go/bin/" && smoke'
check 'go keeps its caches in the home' prints "$HOME" sh -c 'go env GOPATH GOMODCACHE GOCACHE | grep -v "^$HOME/" && exit 1; go env GOPATH'
