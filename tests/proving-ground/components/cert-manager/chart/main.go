// Chart renders cert-manager's chart as its releases do for people who have no Helm: chart FOLDER VERSION > cert-manager.yaml.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
)

const (
	name    = "cert-manager"
	newest  = "v1.36.3"
	forEyes = "NOTES.txt"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER VERSION")
		os.Exit(2)
	}
	if err := render(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(folder, version string) error {
	chart, err := loader.Load(folder)
	if err != nil {
		return err
	}
	// The release writes it there.
	chart.Metadata.Version, chart.Metadata.AppVersion = version, version
	values := map[string]any{
		"crds": map[string]any{"enabled": true},
		// A Job that asks whether the webhook answers; nobody waits for it.
		"startupapicheck": map[string]any{"enabled": false},
		// Says that no Helm will look after the objects.
		"creator": "static",
	}
	kubernetes, err := chartutil.ParseKubeVersion(newest)
	if err != nil {
		return err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *kubernetes
	release := chartutil.ReleaseOptions{Name: name, Namespace: name, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, capabilities)
	if err != nil {
		return err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return err
	}
	return write(files)
}

// The namespace first, then definitions, then the rest in the order in which Helm installs.
func write(files map[string]string) error {
	for path := range files {
		if strings.HasSuffix(path, forEyes) {
			delete(files, path)
		}
	}
	_, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return err
	}
	slices.SortStableFunc(manifests, func(one, other releaseutil.Manifest) int {
		return rank(one) - rank(other)
	})
	fmt.Print("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n")
	for _, manifest := range manifests {
		if _, err := fmt.Print("---\n" + strings.Trim(manifest.Content, "\n") + "\n"); err != nil {
			return err
		}
	}
	return nil
}

func rank(manifest releaseutil.Manifest) int {
	if manifest.Head.Kind == "CustomResourceDefinition" {
		return 0
	}
	return 1
}
