package daprapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	kiterrors "github.com/dapr/kit/errors"
	"google.golang.org/grpc/codes"
)

// Versions of the HTTP API.
const (
	v1       = "v1.0"
	v1alpha1 = "v1.0-alpha1"
)

// Handler serves /v1.0/...
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.log.Error("the Dapr API panicked; this is a bug of weft or of a component",
				"method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			answerFault(w, universal(codes.Internal, http.StatusInternalServerError, errorcodes.CommonInternal,
				"the call failed unexpectedly: the log of weft up says where"))
		}
	}()
	api, release := s.use()
	if release != nil {
		defer release()
	}
	if isHealth(r) {
		api.health(w, r)
		return
	}
	if api == nil {
		answerFault(w, universal(codes.Unavailable, http.StatusServiceUnavailable, errorcodes.HealthNotReady,
			"dapr is not ready: the mesh is not up yet; try again in a moment"))
		return
	}
	c := api.caller(r.Header.Get(headerToken))
	if c == nil {
		http.Error(w, "invalid api token"+tokenHint, http.StatusUnauthorized)
		return
	}
	// The token is between the caller and this API.
	r.Header.Del(headerToken)
	r.Body = &limited{ReadCloser: r.Body, left: s.maxBody, limit: s.maxBody}
	c.route(w, r)
}

// route finds the operation by path and method, as daprd's router does: the
// path is cleaned while it is still escaped, so that a key may hold an escaped
// slash, and each part is unescaped as a query is. What is no operation is
// an invocation, which may name its target in a header.
func (c *caller) route(w http.ResponseWriter, r *http.Request) {
	version, rest := cut(strings.TrimPrefix(path.Clean(r.URL.EscapedPath()), "/"))
	group, rest := cut(rest)
	call := c.operation(version, group, rest, r.Method)
	if call == nil {
		if answerUnserved(w, version, group) {
			return
		}
		c.httpInvoke(w, r)
		return
	}
	if err := call(w, r); err != nil {
		answerError(w, err)
	}
}

// httpCall is one operation with its parameters.
type httpCall func(http.ResponseWriter, *http.Request) error

// operation finds what a path stands for; nil if that is none.
func (c *caller) operation(version, group, rest, method string) httpCall {
	posts := method == http.MethodPost || method == http.MethodPut
	switch {
	case version == v1 && group == "state":
		return c.stateOperation(rest, method)
	case version == v1alpha1 && group == "state":
		if store, verb := cut(rest); posts && verb == "query" {
			return with(c.httpQueryState, "storeName", store)
		}
	case group == "publish" && posts:
		return c.publishOperation(version, rest)
	case version != v1:
	case group == "bindings" && posts && isOne(rest):
		return with(c.httpInvokeBinding, "name", rest)
	case group == "secrets" && method == http.MethodGet:
		if store, key := cut(rest); key == "bulk" {
			return with(c.httpBulkSecrets, "secretStoreName", store)
		} else if isOne(key) {
			return with2(c.httpGetSecret, "secretStoreName", store, "key", key)
		}
	case group == "metadata" && method == http.MethodGet && rest == "":
		return c.httpGetMetadata
	case group == "metadata" && method == http.MethodPut && isOne(rest):
		return with(c.httpSetMetadata, "key", rest)
	}
	return nil
}

// stateOperation finds an operation on a store.
func (c *caller) stateOperation(rest, method string) httpCall {
	store, key := cut(rest)
	if store == "" {
		return nil
	}
	switch method {
	case http.MethodPost, http.MethodPut:
		switch key {
		case "":
			return with(c.httpSaveState, "storeName", store)
		case "bulk":
			return with(c.httpBulkGetState, "storeName", store)
		case "transaction":
			return with(c.httpTransact, "storeName", store)
		}
	case http.MethodGet:
		if isOne(key) {
			return with2(c.httpGetState, "storeName", store, "key", key)
		}
	case http.MethodDelete:
		if isOne(key) {
			return with2(c.httpDeleteState, "storeName", store, "key", key)
		}
	}
	return nil
}

// publishOperation finds publish/{pubsub}/{topic...}, and its bulk form, which
// was alpha before.
func (c *caller) publishOperation(version, rest string) httpCall {
	first, topic := cut(rest)
	if first == "bulk" && (version == v1 || version == v1alpha1) {
		if pubsub, t := cut(topic); pubsub != "" && t != "" {
			return with2(c.httpBulkPublish, "pubsubname", pubsub, "*", t)
		}
	}
	if version == v1 && first != "" && topic != "" {
		return with2(c.httpPublish, "pubsubname", first, "*", topic)
	}
	return nil
}

func with(f func(http.ResponseWriter, *http.Request, string) error, name, value string) httpCall {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := unescape(name, value)
		if err != nil {
			return err
		}
		return f(w, r, v)
	}
}

func with2(f func(http.ResponseWriter, *http.Request, string, string) error, name, value, name2, value2 string) httpCall {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := unescape(name, value)
		if err != nil {
			return err
		}
		v2, err := unescape(name2, value2)
		if err != nil {
			return err
		}
		return f(w, r, v, v2)
	}
}

// badParameter is a part of a path that cannot be unescaped.
type badParameter struct{ error }

func unescape(name, value string) (string, error) {
	v, err := url.QueryUnescape(value)
	if err != nil {
		return "", badParameter{fmt.Errorf("failed to unescape request parameter %q. Error: %w", name, err)}
	}
	return v, nil
}

// cut takes the first part off a path.
func cut(p string) (first, rest string) {
	first, rest, _ = strings.Cut(p, "/")
	return first, rest
}

// isOne says whether p is one part of a path.
func isOne(p string) bool { return p != "" && !strings.Contains(p, "/") }

// metadataPrefix marks parameters of a query, and headers of an answer, that
// are metadata.
const metadataPrefix = "metadata."

// metadataOf is the metadata of a request: parameters of the query. It is never
// nil: daprd tells an empty one in the details of errors.
func metadataOf(r *http.Request) map[string]string {
	m := make(map[string]string)
	if r.URL.RawQuery == "" {
		return m
	}
	for key, values := range r.URL.Query() {
		if name, ok := strings.CutPrefix(key, metadataPrefix); ok {
			m[name] = values[0]
		}
	}
	return m
}

// limited is a body of bounded size.
type limited struct {
	io.ReadCloser
	left, limit int
}

// errTooLarge begins with daprd's text.
type errTooLarge struct{ limit int }

func (e errTooLarge) Error() string {
	return fmt.Sprintf("stream too large: the limit is %d bytes", e.limit)
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge{l.limit}
	}
	if len(p) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if l.left -= n; l.left < 0 {
		return n - 1, errTooLarge{l.limit}
	}
	return n, err
}

const (
	headerContentType = "Content-Type"
	typeJSON          = "application/json"
)

// answerData answers with bytes that are JSON unless a type is set already.
func answerData(w http.ResponseWriter, httpStatus int, data []byte) {
	if w.Header().Get(headerContentType) == "" {
		w.Header().Set(headerContentType, typeJSON)
	}
	w.WriteHeader(httpStatus)
	_, _ = w.Write(data)
}

func answerJSON(w http.ResponseWriter, v any) error {
	w.Header().Set(headerContentType, typeJSON)
	return json.NewEncoder(w).Encode(v)
}

func answerEmpty(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func answerFault(w http.ResponseWriter, f *fault) {
	answerData(w, f.status, f.body.JSONErrorValue())
}

func answerError(w http.ResponseWriter, err error) {
	var f *fault
	var kit *kiterrors.Error
	var bad badParameter
	switch {
	case errors.As(err, &bad):
		http.Error(w, bad.Error(), http.StatusBadRequest)
	case errors.As(err, &f):
		answerFault(w, f)
	case errors.As(err, &kit):
		answerData(w, kit.HTTPStatusCode(), kit.JSONErrorValue())
	default:
		answerFault(w, universal(codes.Unknown, http.StatusInternalServerError, errorcodes.CommonGeneric, err.Error()))
	}
}

// malformed is the fault of a body that is not what the operation takes.
func malformed(err error) *fault {
	return universal(codes.InvalidArgument, http.StatusBadRequest, errorcodes.CommonMalformedRequest,
		"failed deserializing HTTP body: "+err.Error())
}

// unreadable is the fault of a body that does not arrive.
func unreadable(err error) *fault {
	return universal(codes.InvalidArgument, http.StatusBadRequest, errorcodes.CommonBodyRead,
		"failed to read request body: "+err.Error())
}
