package local

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

// TestCallersDoNotSpeakForTheEngine: a call comes with the function's token, so
// that its host believes what the headers say.
func TestCallersDoNotSpeakForTheEngine(t *testing.T) {
	in := http.Header{
		"Content-Type": {"application/json"}, "Ce-Id": {"1"}, "Ce-Type": {"of the caller's"},
		"Ce-Weftfrom": {"other"}, "Ce-Weftattempt": {"9"}, contract.HeaderEventID: {"another's"}, contract.HeaderToken: {"guessed"},
	}
	header, rec := traced(in, &mesh.Function{Name: "f"}, "invoke")
	want := []string{"Ce-Id", "Ce-Type", "Content-Type", contract.HeaderTraceParent, contract.HeaderTraceID}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(header))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if header.Get(contract.HeaderTraceID) != rec.TraceID {
		t.Errorf("the call is known as %s, and the function told %s", rec.TraceID, header.Get(contract.HeaderTraceID))
	}
	if in.Get("Ce-Weftfrom") == "" {
		t.Error("the caller's own headers have changed")
	}
}
