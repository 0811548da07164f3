// Package realtest is how tests are told of the real programs and servers that
// they need. They are named TestReal…, which make test leaves out; make
// test-real brings what they need and runs them.
package realtest

import (
	"os"
	"testing"
)

// Need returns the value of a variable that says where something real is. How
// is what sets it. Without it the test is skipped, or fails where it must not
// be: where CI=true, or WEFT_REAL=1 says that everything is there.
func Need(t testing.TB, variable, how string) string {
	t.Helper()
	value := os.Getenv(variable)
	switch {
	case value != "":
	case os.Getenv("CI") == "true" || os.Getenv("WEFT_REAL") == "1":
		t.Fatalf("%s is not set, and nothing may be left out here; %s", variable, how)
	default:
		t.Skipf("%s is not set; %s", variable, how)
	}
	return value
}

// Servers is how to run a test that needs a server.
const Servers = "run it with hack/services.sh run -- go test"
