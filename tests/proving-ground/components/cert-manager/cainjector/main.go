// Cainjector runs cert-manager's injector of authorities: it writes the authority of a Certificate into webhooks and definitions that ask for it.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	registration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	control "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	flags := pflag.NewFlagSet("cainjector", pflag.ContinueOnError)
	// controller-runtime has registered --kubeconfig there.
	flags.AddGoFlagSet(flag.CommandLine)
	metrics := flags.String("metrics-listen-address", "0", "where metrics are answered")
	verbosity := flags.IntP("v", "v", 1, "how much is logged")
	// The release's Deployment has them, and they mean nothing to one process.
	flags.String("leader-election-namespace", "", "ignored")
	flags.Bool("leader-elect", false, "ignored")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	var level klog.Level
	if err := level.Set(fmt.Sprint(*verbosity)); err != nil {
		return err
	}
	control.SetLogger(klog.Background())

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		core.AddToScheme, admission.AddToScheme, apiextensions.AddToScheme, registration.AddToScheme, certmanager.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := control.GetConfig()
	if err != nil {
		return err
	}
	// The fields that it writes are owned by the first word of its user agent.
	config = util.RestConfigWithUserAgent(config, "cainjector")
	manager, err := control.NewManager(config, control.Options{
		Scheme:  scheme,
		Metrics: server.Options{BindAddress: *metrics},
		// Secrets are watched by their metadata, and read one by one: its role allows both, and a copy of all would be large.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&core.Secret{}}}},
	})
	if err != nil {
		return err
	}
	ctx := control.SetupSignalHandler()
	err = cainjector.RegisterAllInjectors(ctx, manager, cainjector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   true,
			cainjector.ValidatingWebhookConfigurationName: true,
			cainjector.APIServiceName:                     true,
			cainjector.CustomResourceDefinitionName:       true,
		},
	})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
