// The node agent cAdvisor as a program: its collectors as they are published, and an address that
// serves their metrics.
//
// cAdvisor's own command is not published as a module of its own; its library, with everything
// that costs time, is. What is left out here (web pages, storage drivers, other runtimes than raw
// cgroups) would only add to the cost, so a comparison with this program is in cAdvisor's favour.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	"github.com/google/cadvisor/lib/metrics"
	"github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/utils/clock"
)

// As the documentation of its options lists them: what the command leaves out unless it is asked.
var leftOut = container.MetricSet{
	container.CPUSetMetrics:                  {},
	container.CPUTopologyMetrics:             {},
	container.HugetlbUsageMetrics:            {},
	container.MemoryNumaMetrics:              {},
	container.NetworkAdvancedTcpUsageMetrics: {},
	container.NetworkTcpUsageMetrics:         {},
	container.NetworkUdpUsageMetrics:         {},
	container.ProcessMetrics:                 {},
	container.ProcessSchedulerMetrics:        {},
	container.ReferencedMemoryMetrics:        {},
	container.ResctrlMetrics:                 {},
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address of the metrics")
	storage := flag.Duration("storage_duration", 2*time.Minute, "how long readings are kept")
	// The library adds its own flags, the housekeeping interval among them.
	flag.Parse()
	if err := run(*listen, *storage); err != nil {
		fmt.Fprintln(os.Stderr, "cadvisor:", err)
		os.Exit(1)
	}
}

func run(listen string, storage time.Duration) error {
	included := container.AllMetrics.Difference(leftOut)
	everyCgroup := []string{"/"}
	cadvisor, err := manager.New(memory.New(storage, nil), sysfs.NewRealSysFs(),
		manager.HousekeepingConfigFlags, included, everyCgroup, nil, "", 0)
	if err != nil {
		return err
	}
	if err := cadvisor.Start(); err != nil {
		return err
	}
	latest := model.RequestOptions{IdType: model.TypeName, Count: 1, Recursive: true}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(cadvisor, nil, included, clock.RealClock{}, latest),
		metrics.NewPrometheusMachineCollector(cadvisor, included),
	)
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return http.ListenAndServe(listen, nil)
}
