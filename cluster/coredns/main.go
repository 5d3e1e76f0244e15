// Command coredns is CoreDNS with the plugins of the cluster's Corefile and no others: all of them together would bring
// the libraries of three cloud vendors.
//
// Its go.mod and the one of devcluster name the same versions of what both use, so that the Kubernetes client libraries,
// most of the work, are compiled once for both.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
