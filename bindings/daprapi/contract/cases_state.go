package contract

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	_ "modernc.org/sqlite" // reads what a store keeps
)

// stateCases are those that each store must pass.
func stateCases(store string) map[string]testCase {
	url := "/v1.0/state/" + store
	return map[string]testCase{
		"roundtrip": {
			reason: "values of each JSON type come back as they were saved",
			run: func(s *session) {
				s.http("POST", url, `[{"key":"text","value":"x"},{"key":"number","value":42},{"key":"null","value":null},
{"key":"object","value":{"b":[1,2],"a":"<&>"}},{"key":"spaced out/and/slashed","value":true}]`, "Content-Type: application/json")
				for _, key := range []string{"text", "number", "null", "object", "spaced%20out%2Fand%2Fslashed", "missing"} {
					s.http("GET", url+"/"+key, "")
				}
				s.http("PUT", url, `[{"key":"text","value":"y"}]`)
				s.http("GET", url+"/text?consistency=strong", "")
				s.http("DELETE", url+"/text", "")
				s.http("GET", url+"/text", "")
				s.http("DELETE", url+"/text", "")
				s.http("POST", url, `[{"key":"no-value"}]`)
				s.http("GET", url+"/no-value", "")
			},
		},
		"roundtrip-grpc": {
			reason: "bytes come back as they were saved, JSON or not",
			run: func(s *session) {
				item := func(key string, value []byte) *runtimev1.SaveStateRequest {
					return &runtimev1.SaveStateRequest{StoreName: store, States: []*commonv1.StateItem{{Key: key, Value: value}}}
				}
				s.grpc("SaveState", item("grpc-json", []byte(`{"b":1,"a":2}`)))
				s.grpc("SaveState", item("grpc-bytes", []byte{0, 1, 0xff}))
				s.grpc("SaveState", item("grpc-empty", nil))
				typed := item("grpc-typed", []byte(`{"b":1,"a":2}`))
				typed.States[0].Metadata = map[string]string{"contentType": "application/json"}
				s.grpc("SaveState", typed)
				for _, key := range []string{"grpc-json", "grpc-bytes", "grpc-empty", "grpc-typed", "missing"} {
					s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: store, Key: key})
				}
				s.http("GET", url+"/grpc-json", "")
				s.http("GET", url+"/grpc-bytes", "")
				s.grpc("DeleteState", &runtimev1.DeleteStateRequest{StoreName: store, Key: "grpc-json"})
				s.grpc("DeleteState", &runtimev1.DeleteStateRequest{StoreName: store, Key: "grpc-json"})
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: store, Key: "grpc-json"})
			},
		},
		"etag": {
			reason: "an etag that does not match is a conflict, for saving and for deleting",
			run: func(s *session) {
				s.http("POST", url, `[{"key":"etag","value":1}]`)
				etag := s.http("GET", url+"/etag", "").header.Get("Etag")
				s.http("POST", url, fmt.Sprintf(`[{"key":"etag","value":2,"etag":%q}]`, etag))
				s.http("POST", url, fmt.Sprintf(`[{"key":"etag","value":3,"etag":%q}]`, etag))
				s.http("POST", url, fmt.Sprintf(`[{"key":"etag","value":3,"etag":%q,"options":{"concurrency":"last-write"}}]`, etag))
				s.http("POST", url, fmt.Sprintf(`[{"key":"etag","value":3,"etag":%q},{"key":"etag-other","value":3}]`, etag))
				s.http("DELETE", url+"/etag", "", "If-Match: "+etag)
				s.http("DELETE", url+"/etag-missing", "", "If-Match: "+etag)
				etag = s.http("GET", url+"/etag", "").header.Get("Etag")
				s.http("DELETE", url+"/etag", "", "If-Match: "+etag)
				s.http("POST", url, fmt.Sprintf(`[{"key":"etag-missing","value":3,"etag":%q}]`, etag))
				s.http("POST", url, `[{"key":"etag-empty","value":3,"etag":""}]`)
			},
		},
		"etag-grpc": {
			reason: "an etag that does not match is Aborted",
			run: func(s *session) {
				save := func(value, etag string) *runtimev1.SaveStateRequest {
					item := &commonv1.StateItem{Key: "etag-grpc", Value: []byte(value)}
					if etag != "" {
						item.Etag = &commonv1.Etag{Value: etag}
						item.Options = &commonv1.StateOptions{Concurrency: commonv1.StateOptions_CONCURRENCY_FIRST_WRITE}
					}
					return &runtimev1.SaveStateRequest{StoreName: store, States: []*commonv1.StateItem{item}}
				}
				get := &runtimev1.GetStateRequest{StoreName: store, Key: "etag-grpc"}
				s.grpc("SaveState", save("1", ""))
				etag := s.grpc("GetState", get).(*runtimev1.GetStateResponse).GetEtag()
				s.grpc("SaveState", save("2", etag))
				s.grpc("SaveState", save("3", etag))
				s.grpc("DeleteState", &runtimev1.DeleteStateRequest{StoreName: store, Key: "etag-grpc", Etag: &commonv1.Etag{Value: etag}})
				s.grpc("GetState", get)
			},
		},
		"first-write": {
			reason: "first-write without an etag saves only what is not there",
			run: func(s *session) {
				first := `[{"key":"first","value":%d,"options":{"concurrency":"first-write"}}]`
				s.http("POST", url, fmt.Sprintf(first, 1))
				s.http("POST", url, fmt.Sprintf(first, 2))
				s.http("GET", url+"/first", "")
				s.http("POST", url, `[{"key":"first","value":1,"options":{"concurrency":"whatever"}}]`)
				s.http("POST", url, `[{"key":"first","value":1,"options":{"consistency":"whatever"}}]`)
				s.http("GET", url+"/first?consistency=whatever", "")
				s.http("DELETE", url+"/first?concurrency=first-write", "")
			},
		},
		"ttl": {
			reason: "a value with a time to live is gone after it",
			run: func(s *session) {
				s.http("POST", url, `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"1"}},{"key":"kept","value":1,"metadata":{"ttlInSeconds":"100"}}]`)
				s.http("GET", url+"/kept", "")
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: store, Key: "kept"})
				s.until(func() bool { return s.quietly("GET", url+"/ttl", "").status == 204 })
				s.http("GET", url+"/ttl", "")
				s.http("POST", url, `[{"key":"kept","value":2,"metadata":{"ttlInSeconds":"-1"}}]`)
				s.http("GET", url+"/kept", "")
				s.http("POST", url, `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"soon"}}]`)
				s.http("POST", url, `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"-2"}}]`)
				s.http("POST", url+"?metadata.ttlInSeconds=100", `[{"key":"in-url","value":1}]`)
				s.http("GET", url+"/in-url", "")
			},
		},
		"bulk": {
			reason: "several values in one call, the missing among them",
			run: func(s *session) {
				s.http("POST", url, `[{"key":"bulk1","value":1},{"key":"bulk2","value":{"two":2}}]`)
				s.sorted("POST", url+"/bulk", `{"keys":["bulk1","bulk2","bulk-missing"],"parallelism":10}`)
				s.sorted("PUT", url+"/bulk", `{"keys":["bulk1"]}`)
				s.http("POST", url+"/bulk", `{"keys":[]}`)
				s.http("POST", url+"/bulk", `{}`)
				s.http("POST", url+"/bulk", `{"keys":`)
				s.http("POST", url+"/bulk", `{"keys":["a||b"]}`)
				s.http("POST", url+"/bulk?metadata.x=y", `{"keys":["bulk1"],"metadata":{"a":"b"}}`)
				s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: store, Keys: []string{"bulk2"}, Parallelism: 1})
				s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: store, Keys: []string{"bulk-missing"}})
				s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: store})
				s.grpc("DeleteBulkState", &runtimev1.DeleteBulkStateRequest{StoreName: store, States: []*commonv1.StateItem{{Key: "bulk1"}, {Key: "bulk-missing"}}})
				s.grpc("DeleteBulkState", &runtimev1.DeleteBulkStateRequest{StoreName: store})
				s.grpc("DeleteBulkState", &runtimev1.DeleteBulkStateRequest{StoreName: store, States: []*commonv1.StateItem{{Key: "bulk2", Etag: &commonv1.Etag{Value: "7"}}}})
				s.http("GET", url+"/bulk1", "")
				s.http("GET", url+"/bulk2", "")
			},
		},
		"transaction": {
			reason: "operations hold together or not at all",
			run: func(s *session) {
				tx := url + "/transaction"
				s.http("POST", url, `[{"key":"gone","value":1},{"key":"stays","value":1}]`)
				s.http("POST", tx, `{"operations":[{"operation":"upsert","request":{"key":"tx1","value":{"n":1}}},{"operation":"delete","request":{"key":"gone"}}]}`)
				s.http("GET", url+"/tx1", "")
				s.http("GET", url+"/gone", "")
				s.http("POST", tx, `{"operations":[{"operation":"upsert","request":{"key":"tx2","value":2}},{"operation":"upsert","request":{"key":"stays","value":2,"etag":"7"}}]}`)
				s.http("GET", url+"/tx2", "")
				s.http("GET", url+"/stays", "")
				s.http("POST", tx, `{"operations":[]}`)
				s.http("POST", tx, `{}`)
				s.http("POST", tx, `{"operations":[{"operation":"sing","request":{"key":"tx1"}}]}`)
				s.http("POST", tx, `{"operations":[{"operation":"upsert","request":{"value":1}}]}`)
				s.http("POST", tx, `{"operations":[{"operation":"upsert","request":{"key":"a||b","value":1}}]}`)
				s.http("POST", tx, `{"operations":`)
				s.http("POST", tx, `{"operations":[{"operation":"delete","request":{"key":"stays","etag":"7"}}]}`)
				s.http("PUT", tx, `{"operations":[{"operation":"upsert","request":{"key":"tx-ttl","value":1,"metadata":{"ttlInSeconds":"100"}}}],"metadata":{"a":"b"}}`)
				s.http("GET", url+"/tx-ttl", "")
			},
		},
		"transaction-grpc": {
			reason: "the same over gRPC",
			run: func(s *session) {
				tx := func(ops ...*runtimev1.TransactionalStateOperation) *runtimev1.ExecuteStateTransactionRequest {
					return &runtimev1.ExecuteStateTransactionRequest{StoreName: store, Operations: ops}
				}
				op := func(kind string, item *commonv1.StateItem) *runtimev1.TransactionalStateOperation {
					return &runtimev1.TransactionalStateOperation{OperationType: kind, Request: item}
				}
				s.grpc("ExecuteStateTransaction", tx(op("upsert", &commonv1.StateItem{Key: "gtx1", Value: []byte("1")}), op("upsert", &commonv1.StateItem{Key: "gtx2", Value: []byte("2")})))
				s.grpc("ExecuteStateTransaction", tx(op("delete", &commonv1.StateItem{Key: "gtx1"}), op("upsert", &commonv1.StateItem{Key: "gtx2", Value: []byte("3"), Etag: &commonv1.Etag{Value: "7"}})))
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: store, Key: "gtx1"})
				s.grpc("ExecuteStateTransaction", tx())
				s.grpc("ExecuteStateTransaction", tx(op("sing", &commonv1.StateItem{Key: "gtx1"})))
				s.grpc("ExecuteStateTransaction", tx(op("upsert", &commonv1.StateItem{Key: "a||b"})))
				s.grpc("ExecuteStateTransaction", tx(op("upsert", &commonv1.StateItem{Value: []byte("1")})))
			},
		},
	}
}

// until waits for something that comes with time.
func (s *session) until(is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Error("it did not come in time")
			return
		}
	}
}

// sorted is http for an answer that is a list in no order.
func (s *session) sorted(method, path, body string) {
	s.t.Helper()
	r := s.quietly(method, path, body)
	r.body = strings.Join(elements(r.body), "\n")
	s.add(method+" "+path+"\n"+body, r.text())
}

// storeCases are about finding stores, and what all have in common.
var storeCases = map[string]testCase{
	"unknown": {
		reason: "a store that is not there, one of others, and one that did not open are told alike",
		run: func(s *session) {
			for _, store := range []string{"nowhere", "hidden", "broken"} {
				url := "/v1.0/state/" + store
				s.http("GET", url+"/a", "")
				s.http("POST", url, `[{"key":"a","value":1}]`)
				s.http("DELETE", url+"/a", "")
				s.http("POST", url+"/bulk", `{"keys":["a"]}`)
				s.http("POST", url+"/transaction", `{"operations":[{"operation":"delete","request":{"key":"a"}}]}`)
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: store, Key: "a"})
				s.grpc("SaveState", &runtimev1.SaveStateRequest{StoreName: store, States: []*commonv1.StateItem{{Key: "a"}}})
				s.grpc("DeleteState", &runtimev1.DeleteStateRequest{StoreName: store, Key: "a"})
				s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: store, Keys: []string{"a"}})
				s.grpc("DeleteBulkState", &runtimev1.DeleteBulkStateRequest{StoreName: store, States: []*commonv1.StateItem{{Key: "a"}}})
				s.grpc("ExecuteStateTransaction", &runtimev1.ExecuteStateTransactionRequest{StoreName: store})
			}
		},
	},
	"bad": {
		reason: "requests that cannot be understood",
		run: func(s *session) {
			url := "/v1.0/state/memory"
			for _, body := range []string{``, `{`, `{"key":"a","value":1}`, `[]`, `[{"value":1}]`, `[{"key":"","value":1}]`, `[{"key":1}]`, `[{"key":"a||b","value":1}]`, `null`} {
				s.http("POST", url, body)
			}
			s.http("GET", url+"/a%7C%7Cb", "")
			s.http("DELETE", url+"/a%7C%7Cb", "")
			s.http("GET", url+"/", "")
			s.http("GET", url, "")
			s.http("PATCH", url, "")
			s.http("POST", url+"/a", "1")
			s.http("GET", "/v1.0/state//a", "")
			for _, key := range []string{"", "a||b"} {
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: "memory", Key: key})
				s.grpc("SaveState", &runtimev1.SaveStateRequest{StoreName: "memory", States: []*commonv1.StateItem{{Key: key}}})
				s.grpc("DeleteState", &runtimev1.DeleteStateRequest{StoreName: "memory", Key: key})
				s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: "memory", Keys: []string{key}})
				s.grpc("DeleteBulkState", &runtimev1.DeleteBulkStateRequest{StoreName: "memory", States: []*commonv1.StateItem{{Key: key}}})
			}
			s.grpc("GetState", &runtimev1.GetStateRequest{Key: "a"})
			s.grpc("SaveState", &runtimev1.SaveStateRequest{StoreName: "memory"})
		},
	},
	"limit": {
		reason: "a request over 4 MiB is refused",
		run: func(s *session) {
			value := strings.Repeat("x", 4<<20)
			s.http("POST", "/v1.0/state/memory", `[{"key":"large","value":"`+value+`"}]`)
			s.grpc("SaveState", &runtimev1.SaveStateRequest{StoreName: "memory", States: []*commonv1.StateItem{{Key: "large", Value: []byte(value)}}})
			s.http("POST", "/v1.0/state/memory", `[{"key":"fits","value":"`+value[:3<<20]+`"}]`)
		},
	},
	"query": {
		reason: "stores that cannot query say so",
		run: func(s *session) {
			s.http("POST", "/v1.0-alpha1/state/memory/query", `{"filter":{"EQ":{"a":1}}}`)
			s.http("POST", "/v1.0-alpha1/state/sqlite/query", `{"filter":{"EQ":{"a":1}}}`)
			s.http("POST", "/v1.0-alpha1/state/nowhere/query", `{}`)
			s.grpc("QueryStateAlpha1", &runtimev1.QueryStateRequest{StoreName: "sqlite", Query: `{"filter":{"EQ":{"a":1}}}`})
		},
	},
	"prefix": {
		reason: "keyPrefix says under which key a store keeps an application's key",
		run: func(s *session) {
			for _, by := range []string{"default", "appid", "name", "namespace", "none", "literal"} {
				s.http("POST", "/v1.0/state/by-"+by, `[{"key":"of-`+by+`","value":1}]`)
				s.http("GET", "/v1.0/state/by-"+by+"/of-"+by, "")
			}
			for _, by := range []string{"default", "appid", "name", "namespace", "none", "literal"} {
				s.stored(by)
			}
			s.grpc("GetBulkState", &runtimev1.GetBulkStateRequest{StoreName: "by-appid", Keys: []string{"of-appid"}})
		},
	},
}

// stored writes down under which key the database holds a value.
func (s *session) stored(by string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.dir+"/prefixes.db")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	var key string
	if err := db.QueryRowContext(s.ctx, "SELECT key FROM state WHERE key LIKE '%of-' || ?", by).Scan(&key); err != nil {
		key = err.Error()
	}
	s.add("the key that the store by-"+by+" keeps", key)
}
