package contract

import (
	"encoding/json"
	"net/http"
	"strings"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/types/known/anypb"
)

// bindingCases are about output and input bindings.
var bindingCases = map[string]testCase{
	"http": {
		reason: "calling something outside",
		run: func(s *session) {
			url := "/v1.0/bindings/web"
			s.app.answer("/outside/there", answer{status: 200, body: `{"a":1}`}, answer{status: 201, body: "made"}, answer{status: 404, body: "no"}, answer{status: 404, body: "no"})
			s.http("POST", url, `{"operation":"get","metadata":{"path":"/there"}}`)
			s.delivered("/outside/there", 1)
			s.http("POST", url, `{"operation":"create","metadata":{"path":"/there"},"data":{"b":2}}`)
			s.delivered("/outside/there", 1)
			s.http("PUT", url, `{"operation":"get","metadata":{"path":"/there"}}`)
			s.http("POST", url, `{"operation":"get","metadata":{"path":"/there","errorIfNot2XX":"false"}}`)
			s.app.take("/outside/there", 2, patience)
			s.http("POST", url, `{"operation":"post","metadata":{"path":"/there"},"data":"text"}`)
			s.delivered("/outside/there", 1)
		},
	},
	"file": {
		reason: "a binding with several operations and metadata in its answers",
		run: func(s *session) {
			for _, body := range []string{
				`{"operation":"create","data":"hello","metadata":{"fileName":"a.txt"}}`,
				`{"operation":"get","metadata":{"fileName":"a.txt"}}`,
				`{"operation":"get","metadata":{"fileName":"missing.txt"}}`,
				`{"operation":"create","data":{"n":1},"metadata":{"fileName":"b.json"}}`,
				`{"operation":"get","metadata":{"fileName":"b.json"}}`,
				`{"operation":"delete","metadata":{"fileName":"a.txt"}}`,
			} {
				s.http("POST", "/v1.0/bindings/disk", body)
			}
			s.grpc("InvokeBinding", &runtimev1.InvokeBindingRequest{Name: "disk", Operation: "create", Data: []byte{0, 1}, Metadata: map[string]string{"fileName": "c"}})
			s.grpc("InvokeBinding", &runtimev1.InvokeBindingRequest{Name: "disk", Operation: "get", Metadata: map[string]string{"fileName": "c"}})
			s.grpc("InvokeBinding", &runtimev1.InvokeBindingRequest{Name: "disk", Operation: "get", Metadata: map[string]string{"fileName": "missing"}})
			s.grpc("InvokeBinding", &runtimev1.InvokeBindingRequest{Name: "disk", Operation: "delete", Metadata: map[string]string{"fileName": "c"}})
		},
	},
	"bad": {
		reason: "bindings and operations that are not there",
		run: func(s *session) {
			s.http("POST", "/v1.0/bindings/nowhere", `{"operation":"create"}`)
			s.http("POST", "/v1.0/bindings/disk", `{"operation":"sing"}`)
			s.http("POST", "/v1.0/bindings/disk", `{}`)
			s.http("POST", "/v1.0/bindings/disk", `{`)
			s.http("POST", "/v1.0/bindings/disk", ``)
			s.http("POST", "/v1.0/bindings/tick", `{"operation":"create"}`)
			s.http("GET", "/v1.0/bindings/disk", ``)
			s.http("POST", "/v1.0/bindings/", `{}`)
			for _, r := range [][2]string{{"nowhere", "create"}, {"disk", "sing"}, {"disk", ""}, {"", "create"}, {"tick", "create"}} {
				s.grpc("InvokeBinding", &runtimev1.InvokeBindingRequest{Name: r[0], Operation: r[1]})
			}
		},
	},
	"input": {
		reason: "the application is asked whether it takes a binding's events, unless the binding says so, and gets them at its route",
		run: func(s *session) {
			s.delivered("/tick", 1)
			s.delivered("/tick", 1)
			s.delivered("/inputs/tock", 1)
		},
	},
	"input-answer": {
		reason: "over HTTP an input binding's answer is read by nobody",
		run: func(s *session) {
			s.app.answer("/inputs/tock", answer{
				status: 200, body: `{"storeName":"memory","state":[{"key":"by-binding","value":{"n":1}}],"to":["web"],"data":{"sent":true}}`,
				headers: http.Header{"Content-Type": {"application/json"}},
			})
			s.until(func() bool { return len(s.app.take("/inputs/tock", 1, patience)) > 0 && s.app.unasked("/inputs/tock") })
			s.app.take("/inputs/tock", 1, patience)
			s.http("GET", "/v1.0/state/memory/by-binding", "")
			s.quiet("/outside")
		},
	},
}

// secretCases are about secret stores.
var secretCases = map[string]testCase{
	"get": {
		reason: "single, nested and all secrets",
		run: func(s *session) {
			for _, path := range []string{"vault/plain", "vault/database:user", "vault/database", "vault/missing", "multi/database", "multi/plain", "multi/missing", "surroundings/SECRET", "surroundings/MISSING", "surroundings/DAPR_API_TOKEN",
				"nowhere/plain", "vault/", "vault/plain?metadata.version_id=1", "vault/bulk", "multi/bulk", "nowhere/bulk", "vault/bulk/more"} {
				s.http("GET", "/v1.0/secrets/"+path, "")
			}
			s.http("POST", "/v1.0/secrets/vault/plain", "")
		},
	},
	"grpc": {
		reason: "the same over gRPC",
		run: func(s *session) {
			for _, r := range [][2]string{{"vault", "plain"}, {"vault", "database:password"}, {"vault", "missing"}, {"vault", ""}, {"multi", "database"}, {"surroundings", "SECRET"}, {"surroundings", "MISSING"}, {"nowhere", "plain"}, {"", "plain"}} {
				s.grpc("GetSecret", &runtimev1.GetSecretRequest{StoreName: r[0], Key: r[1]})
			}
			for _, store := range []string{"vault", "multi", "nowhere", ""} {
				s.grpc("GetBulkSecret", &runtimev1.GetBulkSecretRequest{StoreName: store})
			}
		},
	},
}

// invokeCases are about service invocation.
var invokeCases = map[string]testCase{
	"http": {
		reason: "method, path, query, headers and body reach the other application, its answer comes back",
		run: func(s *session) {
			url := "/v1.0/invoke/" + AppID + "/method/echo"
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				body := ""
				if method != "GET" && method != "OPTIONS" {
					body = `{"a":1}`
				}
				s.http(method, url+"/a%20b?x=1&y=%20", body, "Content-Type: application/json", "X-Mine: yes")
			}
			for _, status := range []string{"204", "302", "400", "404", "500"} {
				s.http("GET", url+"?status="+status, "")
			}
			s.http("POST", url, "plain", "Content-Type: text/plain")
			s.http("POST", url, "no type")
			s.http("GET", "/v1.0/invoke/"+AppID+".default/method/echo", "")
			s.http("GET", "/echo/by/header?x=1", "", "dapr-app-id: "+AppID)
			s.http("GET", "/v1.0/invoke/"+AppID+"/method/echo/../echo/x", "")
			s.http("GET", "/v1.0/invoke/"+AppID+"/method/echo//x", "")
			s.http("GET", "/v1.0/invoke/"+AppID+"/method/", "")
			s.http("GET", "/v1.0/invoke/"+AppID+"/method", "")
			s.http("GET", "/v1.0/invoke/"+AppID, "")
			s.http("GET", "/v1.0/invoke/", "")
		},
	},
	"grpc": {
		reason: "the same over gRPC",
		run: func(s *session) {
			call := func(id, method string, verb commonv1.HTTPExtension_Verb, data string) *runtimev1.InvokeServiceRequest {
				r := &runtimev1.InvokeServiceRequest{Id: id, Message: &commonv1.InvokeRequest{Method: method, ContentType: "application/json"}}
				if verb != 0 {
					r.Message.HttpExtension = &commonv1.HTTPExtension{Verb: verb, Querystring: "x=1"}
				}
				if data != "" {
					r.Message.Data = &anypb.Any{Value: []byte(data)}
				}
				return r
			}
			s.grpc("InvokeService", call(AppID, "echo", commonv1.HTTPExtension_GET, ""))
			s.grpc("InvokeService", call(AppID, "echo/more", commonv1.HTTPExtension_POST, `{"a":1}`), "x-mine", "yes")
			s.grpc("InvokeService", call(AppID, "/echo", commonv1.HTTPExtension_PUT, `1`))
			for _, status := range []string{"204", "400", "404", "500"} {
				r := call(AppID, "echo", commonv1.HTTPExtension_GET, "")
				r.Message.HttpExtension.Querystring = "status=" + status
				s.grpc("InvokeService", r)
			}
			s.grpc("InvokeService", call(AppID, "echo", 0, ""))
			s.grpc("InvokeService", call(AppID, "", commonv1.HTTPExtension_GET, ""))
			s.grpc("InvokeService", call("", "echo", commonv1.HTTPExtension_GET, ""))
			s.grpc("InvokeService", &runtimev1.InvokeServiceRequest{Id: AppID})
		},
	},
	"unknown": {
		reason: "an application that is not there",
		run: func(s *session) {
			s.http("GET", "/v1.0/invoke/nobody/method/echo", "")
			s.http("GET", "/v1.0/invoke/a.b.c/method/echo", "")
			s.grpc("InvokeService", &runtimev1.InvokeServiceRequest{Id: "nobody", Message: &commonv1.InvokeRequest{Method: "echo", HttpExtension: &commonv1.HTTPExtension{Verb: commonv1.HTTPExtension_GET}}})
		},
	},
}

// aboutCases are about metadata, health, tokens and paths.
var aboutCases = map[string]testCase{
	"metadata": {
		reason: "what is there: the application, components, subscriptions",
		run: func(s *session) {
			s.metadata()
			s.http("PUT", "/v1.0/metadata/mine", "a value")
			s.grpc("SetMetadata", &runtimev1.SetMetadataRequest{Key: "other", Value: "b"})
			s.metadata()
			s.metadataGRPC()
			s.http("POST", "/v1.0/metadata/mine", "a value")
			s.http("PUT", "/v1.0/metadata/", "a value")
		},
	},
	"health": {
		reason: "health needs no token",
		run: func(s *session) {
			for _, path := range []string{"/v1.0/healthz", "/v1.0/healthz/outbound", "/v1.0/healthz?appid=" + AppID, "/v1.0/healthz?appid=other"} {
				s.http("GET", path, "")
				s.http("GET", path, "", "Dapr-Api-Token: ")
			}
			s.http("POST", "/v1.0/healthz", "")
		},
	},
	"token": {
		reason: "who has no token, or a wrong one, is told nothing",
		run: func(s *session) {
			for _, token := range []string{"", "wrong"} {
				s.http("GET", "/v1.0/state/memory/a", "", "Dapr-Api-Token: "+token)
				s.http("GET", "/v1.0/metadata", "", "Dapr-Api-Token: "+token)
				s.http("GET", "/nothing/here", "", "Dapr-Api-Token: "+token)
				s.grpc("GetState", &runtimev1.GetStateRequest{StoreName: "memory", Key: "a"}, "dapr-api-token", token)
				s.grpc("TryLockAlpha1", &runtimev1.TryLockRequest{StoreName: "memory"}, "dapr-api-token", token)
			}
		},
	},
	"paths": {
		reason: "paths that are none",
		run: func(s *session) {
			for _, path := range []string{"/", "/v1.0", "/v1.0/", "/v1.0/nothing", "/v2.0/state/memory/a", "/nothing", "/v1.0/state", "/v1.0//state/memory/a"} {
				s.http("GET", path, "")
			}
		},
	},
}

// unservedCases are about methods that ours does not serve.
var unservedCases = map[string]testCase{
	"grpc": {
		reason: "each method that takes and gives one message, called with nothing",
		run: func(s *session) {
			all := methods()
			for i := range all.Len() {
				m := all.Get(i)
				name := string(m.Name())
				if m.IsStreamingClient() || m.IsStreamingServer() || name == "Shutdown" || served(name) {
					continue
				}
				s.grpc(name, newRequest(s.t, m))
			}
		},
	},
	"http": {
		reason: "the paths of APIs that ours does not serve",
		run: func(s *session) {
			for _, r := range []string{
				"GET /v1.0/actors/t/i/state/k", "POST /v1.0/actors/t/i/state", "POST /v1.0/actors/t/i/method/m", "POST /v1.0/actors/t/i/reminders/r", "POST /v1.0/actors/t/i/timers/r",
				"GET /v1.0/configuration/c", "GET /v1.0/configuration/c/subscribe", "POST /v1.0-alpha1/lock/l", "POST /v1.0-alpha1/unlock/l",
				"POST /v1.0-alpha1/crypto/c/encrypt", "POST /v1.0-alpha1/conversation/c/converse",
				"POST /v1.0/workflows/dapr/w/start", "GET /v1.0/workflows/dapr/i", "POST /v1.0-alpha1/jobs/j", "GET /v1.0-alpha1/jobs/j", "POST /v1.0-alpha1/subtlecrypto/c/getkey",
			} {
				method, path, _ := strings.Cut(r, " ")
				s.http(method, path, "{}")
			}
		},
	},
}

// metadata writes down what GET /v1.0/metadata gives, a part a step, lists in
// the order of their texts: daprd gives them in none.
func (s *session) metadata() {
	s.t.Helper()
	r := s.quietly("GET", "/v1.0/metadata", "")
	s.parts("GET /v1.0/metadata", r.body)
}

// metadataGRPC does the same with GetMetadata.
func (s *session) metadataGRPC() {
	s.t.Helper()
	out := newReply(s.t, "GetMetadata")
	if err := s.conn.Invoke(s.outgoing(), "/"+service+"/GetMetadata", &runtimev1.GetMetadataRequest{}, out); err != nil {
		s.t.Fatal(err)
	}
	s.parts("grpc GetMetadata", protoText(out))
}

func (s *session) parts(call, body string) {
	s.t.Helper()
	var parts map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &parts); err != nil {
		s.t.Errorf("%s: %v", call, err)
	}
	for _, name := range []string{"id", "runtimeVersion", "extended", "components", "subscriptions", "appConnectionProperties", "actorRuntime", "enabledFeatures", "httpEndpoints", "actors", "scheduler", "workflows"} {
		s.add(call+": "+name, strings.Join(elements(string(parts[name])), "\n"))
	}
}
