// Runs scenarios with franz-go against one broker and prints what the client saw: `scenario: what = value`, a line for each
// observation. The same program against Apache Kafka and against Kafka-RS has to print the same lines, so nothing that may
// differ from run to run (generated ids, ports, durations) reaches stdout.
//
// Scenarios whose name starts with `raw-` send single requests at chosen versions over a socket of their own and print the
// whole answer. The others use the high-level client as its users do.
package main

import (
	"fmt"
	"os"
	"time"
)

// A scenario that hangs fails after this time; the ones after it still run.
const scenarioTimeout = 60 * time.Second

type scenario struct {
	name string
	run  func(*T)
}

func scenarios() []scenario {
	var all []scenario
	for _, group := range [][]scenario{
		recordScenarios(),
		groupScenarios(),
		commitScenarios(),
		adminScenarios(),
		transactionScenarios(),
		adminMethodScenarios(),
		rawTopicScenarios(),
		rawProduceScenarios(),
		rawFetchScenarios(),
		rawOffsetScenarios(),
		rawGroupScenarios(),
		rawConnectionScenarios(),
		rawAdminScenarios(),
	} {
		all = append(all, group...)
	}
	return all
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: run BOOTSTRAP [SCENARIO...]")
		os.Exit(2)
	}
	bootstrap, wanted := os.Args[1], os.Args[2:]
	failures := 0
	for _, scenario := range selected(wanted) {
		started := time.Now()
		if err := runScenario(bootstrap, scenario); err != nil {
			failures++
			fmt.Printf("%s: = failed\n", scenario.name)
			fmt.Fprintf(os.Stderr, "%s FAILED: %v\n", scenario.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s took %v\n", scenario.name, time.Since(started).Round(time.Millisecond))
	}
	if failures > 0 {
		fmt.Fprintf(os.Stderr, "%d scenarios failed\n", failures)
		os.Exit(1)
	}
}

func selected(wanted []string) []scenario {
	all := scenarios()
	if len(wanted) == 0 {
		return all
	}
	var some []scenario
	for _, name := range wanted {
		found := false
		for _, scenario := range all {
			if scenario.name == name {
				some = append(some, scenario)
				found = true
			}
		}
		if !found {
			fmt.Fprintf(os.Stderr, "there is no scenario %q\n", name)
			os.Exit(2)
		}
	}
	return some
}
