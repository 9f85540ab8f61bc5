// Controller runs cert-manager's controllers for certificates and for issuers that need nobody outside the cluster: self-signed and CA.
// ACME, Vault and Venafi are left out: nobody here answers them, and they compile for minutes.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	"github.com/cert-manager/cert-manager/pkg/logs"
)

const workers = 5

// A Certificate that failed is tried again this much later at first: cert-manager's own defaults.
const (
	firstBackoff = time.Hour
	lastBackoff  = 32 * time.Hour
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	resources := flags.String("cluster-resource-namespace", "kube-system", "where the Secrets of ClusterIssuers lie")
	health := flags.String("internal-healthz-listen-address", "127.0.0.1:9403", "where /livez is answered")
	verbosity := flags.Uint32P("v", "v", 1, "how much is logged")
	// The release's Deployment has them, and they mean nothing to one process without ACME.
	for _, name := range []string{"leader-election-namespace", "acme-http01-solver-image", "metrics-listen-address"} {
		flags.String(name, "", "ignored")
	}
	flags.Int("max-concurrent-challenges", 0, "ignored")
	flags.Bool("leader-elect", false, "ignored")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if err := logTo(*verbosity); err != nil {
		return err
	}
	ctx = logs.NewContext(ctx, logs.Log, "controller")
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig:         *kubeconfig,
		KubernetesAPIQPS:   100,
		KubernetesAPIBurst: 200,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: *resources},
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: firstBackoff,
			CertificateRequestMaximumBackoffDuration: lastBackoff,
		},
	})
	if err != nil {
		return err
	}
	return control(ctx, factory, *health)
}

func logTo(verbosity uint32) error {
	configuration := logsapi.NewLoggingConfiguration()
	configuration.Verbosity = logsapi.VerbosityLevel(verbosity)
	return logs.ValidateAndApply(configuration)
}

// Runs every controller that this program knows, until one fails or the context ends.
func control(ctx context.Context, factory *controller.ContextFactory, health string) error {
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", health)
	if err != nil {
		return err
	}
	// Nobody is elected, so that no lease can become too old.
	group.Go(func() error { return healthz.NewServer(time.Minute).Start(ctx, listener) })
	for name, construct := range controller.Known() {
		one, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return one.Run(workers, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return group.Wait()
}
