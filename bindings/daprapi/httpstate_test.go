package daprapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
)

func TestStateOverHTTP(t *testing.T) {
	h := start(t)
	save := func(body string) {
		t.Helper()
		if got := h.do(orders, "POST", "/v1.0/state/store", body); got.Status != http.StatusNoContent || got.Body != "" {
			t.Fatalf("save %s: %v", body, got)
		}
	}
	save(`[{"key":"o","value":{"b": 9007199254740993, "a": "x"}},{"key":"s","value":"text"},{"key":"n","value":null},{"key":"none"},{"key":"a/b","value":1}]`)
	for key, want := range map[string]string{
		"o": `{"b":9007199254740993,"a":"x"}`, "s": `"text"`, "n": "null", "none": "null", "a%2Fb": "1",
	} {
		got := h.do(orders, "GET", "/v1.0/state/store/"+key, "")
		if got.Status != http.StatusOK || got.Body != want || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Etag") == "" {
			t.Errorf("%s: got %v, want %s", key, got, want)
		}
	}
	if got := h.do(orders, "GET", "/v1.0/state/store/absent", ""); got.Status != http.StatusNoContent {
		t.Errorf("an absent key: %v", got)
	}

	etag := h.do(orders, "GET", "/v1.0/state/store/s", "").Header.Get("Etag")
	save(`[{"key":"s","value":"new","etag":"` + etag + `"}]`)
	got := h.do(orders, "PUT", "/v1.0/state/store", `[{"key":"s","value":"newer","etag":"`+etag+`","options":{"concurrency":"first-write"}}]`)
	if got.Status != http.StatusConflict || got.errorCode() != "ERR_STATE_SAVE" {
		t.Errorf("an etag that is no longer current: %v, want 409", got)
	}
	got = h.do(orders, "DELETE", "/v1.0/state/store/s", "", "If-Match", etag)
	if got.Status != http.StatusConflict || got.errorCode() != "ERR_STATE_DELETE" {
		t.Errorf("delete with an old etag: %v, want 409", got)
	}
	etag = h.do(orders, "GET", "/v1.0/state/store/s", "").Header.Get("Etag")
	if got := h.do(orders, "DELETE", "/v1.0/state/store/s", "", "If-Match", etag); got.Status != http.StatusNoContent {
		t.Errorf("delete with the current etag: %v", got)
	}

	if got := h.do(orders, "POST", "/v1.0/state/store?metadata.ttlInSeconds=100", `[{"key":"t","value":1}]`); got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	if got := h.do(orders, "GET", "/v1.0/state/store/t", ""); got.Header.Get("Metadata.ttlexpiretime") == "" {
		t.Errorf("a value with a time to live tells when it ends: %v", got)
	}

	if got := h.do(orders, "POST", "/v1.0/state/store/transaction",
		`{"operations":[{"operation":"upsert","request":{"key":"x","value":{"v": 1}}},{"operation":"delete","request":{"key":"o"}}]}`); got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	got = h.do(orders, "POST", "/v1.0/state/store/bulk", `{"keys":["x","o"]}`)
	var items []bulkItem
	if err := json.Unmarshal([]byte(got.Body), &items); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, i := range items {
		values[i.Key] = string(i.Data)
	}
	if diff := cmp.Diff(map[string]string{"x": `{"v":1}`, "o": ""}, values); diff != "" {
		t.Errorf("bulk get after a transaction: %s", diff)
	}
	if got := h.do(orders, "POST", "/v1.0/state/store/bulk", `{"keys":[]}`); strings.TrimSpace(got.Body) != "[]" {
		t.Errorf("bulk get of nothing: %v", got)
	}
	if err := h.client(orders).SaveState(t.Context(), "store", "bytes", []byte("\xff not JSON"), nil); err != nil {
		t.Fatal(err)
	}
	got = h.do(orders, "POST", "/v1.0/state/store/bulk", `{"keys":["x","bytes"]}`)
	if !strings.Contains(got.Body, `{"v":1}`) || !strings.Contains(got.Body, "the value of bytes is not JSON") {
		t.Errorf("one value that is not JSON must not take the others with it: %v", got)
	}
}

func TestQuery(t *testing.T) {
	h := start(t)
	got := h.do(orders, "POST", "/v1.0-alpha1/state/plain/query", `{"filter":{"EQ":{"v":1}}}`)
	want := `{"results":[{"key":"k","data":{"v":1},"etag":"7"}],"token":"next"}`
	if diff := cmp.Diff(want, strings.TrimSpace(got.Body)); diff != "" {
		t.Errorf("a query: %s", diff)
	}
	if got := h.do(orders, "POST", "/v1.0-alpha1/state/plain/query", `{}`); got.Status != http.StatusNoContent {
		t.Errorf("a query that finds nothing: %v", got)
	}
	got = h.do(orders, "POST", "/v1.0-alpha1/state/plain/query?metadata.page=others", `{"filter":{"EQ":{"v":1}}}`)
	if diff := cmp.Diff(`{"results":[],"token":"next"}`, strings.TrimSpace(got.Body)); diff != "" {
		t.Errorf("a page of another mesh's values is not the last: %s", diff)
	}
	c, ctx := h.raw(orders)
	resp, err := c.QueryStateAlpha1(ctx, &runtimev1.QueryStateRequest{
		StoreName: "plain", Query: `{"filter":{"EQ":{"v":1}}}`, Metadata: map[string]string{"page": "others"},
	})
	if err != nil || len(resp.Results) != 0 || resp.Token != "next" {
		t.Errorf("nor over gRPC: %v, %v", resp, err)
	}
	resp, err = c.QueryStateAlpha1(ctx, &runtimev1.QueryStateRequest{StoreName: "plain", Query: `{"filter":{"EQ":{"v":1}}}`})
	if err != nil || len(resp.Results) != 1 || resp.Results[0].Key != "k" || resp.Results[0].Etag != "7" || resp.Token != "next" {
		t.Errorf("a query over gRPC: %v, %v", resp, err)
	}
}

func TestHTTPFaults(t *testing.T) {
	h := start(t)
	for name, tc := range map[string]struct {
		reason             string
		function           string
		method, path, body string
		status             int
		code, message      string
	}{
		"unknown store":     {"not in the mesh", orders, "GET", "/v1.0/state/nope/k", "", 400, "ERR_STATE_STORE_NOT_FOUND", "state store nope is not found"},
		"another's store":   {"pricing does not declare it, and does not learn that there is one", pricing, "GET", "/v1.0/state/other/k", "", 400, "ERR_STATE_STORE_NOT_FOUND", "state store other is not found"},
		"no store":          {"guest has none", guest, "POST", "/v1.0/state/store", "[]", 500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store store is not configured"},
		"bad key":           {"the separator is not for keys", orders, "GET", "/v1.0/state/store/a%7C%7Cb", "", 400, "ERR_MALFORMED_REQUEST", "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"},
		"no JSON":           {"a body that is none", orders, "POST", "/v1.0/state/store", "{", 400, "ERR_MALFORMED_REQUEST", "unexpected EOF"},
		"no list":           {"a body of another shape", orders, "POST", "/v1.0/state/store", "{}", 400, "ERR_MALFORMED_REQUEST", "json: cannot unmarshal object"},
		"no key":            {"saved under nothing", orders, "POST", "/v1.0/state/store", `[{"value":1}]`, 400, "ERR_MALFORMED_REQUEST", `"key" is a required field`},
		"failing get":       {"the store's error is told", orders, "GET", "/v1.0/state/broken/k", "", 500, "ERR_STATE_GET", "fail to get k from state store broken: disk on fire"},
		"failing save":      {"the store's error is told", orders, "POST", "/v1.0/state/broken", `[{"key":"k"}]`, 500, "ERR_STATE_SAVE", "failed saving state in state store broken: disk on fire"},
		"failing delete":    {"the store's error is told", orders, "DELETE", "/v1.0/state/broken/k", "", 500, "ERR_STATE_DELETE", "failed deleting state with key k: disk on fire"},
		"failing bulk":      {"the store's error is told", orders, "POST", "/v1.0/state/broken/bulk", `{"keys":["k"]}`, 500, "ERR_STATE_BULK_GET", "disk on fire"},
		"no transactions":   {"the store has none", orders, "POST", "/v1.0/state/broken/transaction", "{}", 500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store broken doesn't support transactions"},
		"unknown operation": {"only upsert and delete are", orders, "POST", "/v1.0/state/store/transaction", `{"operations":[{"operation":"explode","request":{"key":"k"}}]}`, 400, "ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type explode not supported"},
		"bad query":         {"a query that is no JSON", orders, "POST", "/v1.0-alpha1/state/plain/query", "{", 500, "ERR_STATE_QUERY", "state store plain query failed: failed to parse JSON query body"},
		"failing query":     {"the store's error is told", orders, "POST", "/v1.0-alpha1/state/plain/query?metadata.fail=1", "{}", 500, "ERR_STATE_QUERY", "state store plain query failed: no index"},
		"panic":             {"no panic reaches a client", orders, "GET", "/v1.0/state/plain/k", "", 500, "ERR_INTERNAL", "the call failed unexpectedly: the log of weft up says where"},
		"too large":         {"a body above 4 MiB", orders, "POST", "/v1.0/state/store", `[{"key":"k","value":"` + strings.Repeat("x", DefaultMaxBody) + `"}]`, 400, "ERR_MALFORMED_REQUEST", "stream too large: the limit is 4194304 bytes"},
		"unknown path":      {"daprd takes it for an invocation without a target", orders, "GET", "/v1.0/nope", "", 404, "ERR_DIRECT_INVOKE", "failed getting app id"},
		"wrong method":      {"as an unknown path", orders, "PATCH", "/v1.0/state/store/k", "", 404, "ERR_DIRECT_INVOKE", "failed getting app id"},
		"actors":            {"not served, by name", orders, "POST", "/v1.0/actors/t/1/method/m", "", 501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented: actors"},
		"shutdown":          {"one function does not end all", orders, "POST", "/v1.0/shutdown", "", 501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented: shutdown"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(tc.function, tc.method, tc.path, tc.body)
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(got.Body), &e)
			if got.Status != tc.status || got.errorCode() != tc.code || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s: got %d %s, want %d %s %q", tc.reason, got.Status, got.Body, tc.status, tc.code, tc.message)
			}
		})
	}
	if got := h.do(orders, "GET", "/v1.0/state/store/%25zz", ""); got.Status != http.StatusNoContent {
		t.Errorf("a key with a percent sign: %v", got)
	}
}

func TestFaultDetailsOverHTTP(t *testing.T) {
	h := start(t)
	got := h.do(orders, "GET", "/v1.0/state/nope/k", "")
	var e struct{ Details []map[string]any }
	if err := json.Unmarshal([]byte(got.Body), &e); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "DAPR_STATE_NOT_FOUND", "domain": "dapr.io",
		"metadata": map[string]any{"appID": "test-place-order"},
	}}
	if diff := cmp.Diff(want, e.Details); diff != "" {
		t.Errorf("daprd tells details: %s", diff)
	}
}
