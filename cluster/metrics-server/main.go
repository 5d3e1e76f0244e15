// Command metrics-server serves metrics.k8s.io. It has a module of its own because its libraries (cel-go, grpc) are newer
// than those Kubernetes 1.36.3 was released with, and the API server should validate exactly as the release does.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app"

	genericapiserver "k8s.io/apiserver/pkg/server"
)

func main() {
	os.Exit(cli.Run(app.NewMetricsServerCommand(genericapiserver.SetupSignalHandler())))
}
