package daprapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// unserved are the parts of Dapr's API that Weft does not serve, by a word of
// their gRPC methods and the group of their HTTP paths, and what there is
// instead. The first whose word is in a method counts.
var unserved = []struct{ word, group, instead string }{
	{"Actor", "actors", "keep the state of a thing under its key with the state API, and use its etag against concurrent changes"},
	{"Workflow", "workflows", "link functions by the connections of the mesh, which retry and keep what they have not done"},
	{"Configuration", "configuration", "give a function its settings by env, configMapKeyRef and secretKeyRef"},
	{"Lock", "lock", "write a key of the state API with first-write concurrency"},
	{"Unlock", "unlock", "delete the key that was written with first-write concurrency, by its etag"},
	{"Subtle", "subtlecrypto", "use a crypto package of the function's language, with keys of the secrets API"},
	{"Encrypt", "crypto", "use a crypto package of the function's language, with keys of the secrets API"},
	{"Decrypt", "crypto", "use a crypto package of the function's language, with keys of the secrets API"},
	{"Job", "jobs", "give the function a trigger of type cron, or a bindings.cron component"},
	{"Converse", "conversation", "call the model's own API, by an output binding of type bindings.http"},
	{"Shutdown", "shutdown", "one engine serves all functions, and none of them ends it: a function ends by returning from its main, the mesh by ending weft up"},
}

// unservedMethod says what there is instead of a gRPC method, whose name may be
// full.
func unservedMethod(method string) (text string, ok bool) {
	name := method[strings.LastIndexByte(method, '/')+1:]
	for _, u := range unserved {
		if strings.Contains(name, u.word) {
			return fmt.Sprintf("method %s is not implemented by Weft's Dapr API: %s", name, u.instead), true
		}
	}
	return "", false
}

// explain adds to the Unimplemented of a method that is not served what there is
// instead.
func explain(method string, err error) error {
	if err == nil || status.Code(err) != codes.Unimplemented {
		return err
	}
	if text, ok := unservedMethod(method); ok {
		return status.Error(codes.Unimplemented, text)
	}
	return err
}

// unknownService answers calls of other gRPC services: to daprd they are for the
// app that metadata names.
func unknownService(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	return status.Errorf(codes.Unimplemented,
		"%s is not served: functions are HTTP servers, and no gRPC is passed on to them; use InvokeService or /v1.0/invoke", method)
}

// answerUnserved answers requests for groups that are not served.
func answerUnserved(w http.ResponseWriter, version, group string) bool {
	if !strings.HasPrefix(version, v1) {
		return false
	}
	for _, u := range unserved {
		if u.group == group {
			answerFault(w, universal(codes.Unimplemented, http.StatusNotImplemented, errorcodes.CommonAPIUnimplemented,
				fmt.Sprintf("this API is currently not implemented: %s of %s is no part of Weft's Dapr API; %s", group, version, u.instead)))
			return true
		}
	}
	return false
}
