package daprapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/mesh"
)

// headerAppID names the target of an invocation by a header: then the whole
// path is the method.
const headerAppID = "dapr-app-id"

// Headers that tell the function who calls it, as daprd's do.
const (
	headerCallerNamespace = "Dapr-Caller-Namespace"
	headerCallerAppID     = "Dapr-Caller-App-Id"
	headerCalleeAppID     = "Dapr-Callee-App-Id"
)

// invocation is a call of another function's own server.
type invocation struct {
	// target is an app id; method a path, unescaped.
	target, method string
	verb, query    string
	header         http.Header
	body           io.Reader
	// length of the body, -1 if unknown.
	length int64
}

// function finds the function that an app id stands for: its Service, its name
// as written or in kebab-case, with or without the namespace.
func (a *API) function(app string) *mesh.Function {
	if i := strings.LastIndexByte(app, '.'); i >= 0 {
		if app[i+1:] != a.plan.Namespace {
			return nil
		}
		app = app[:i]
	}
	if c := a.callers[app]; c != nil {
		return c.function
	}
	return a.plan.Function(app)
}

// invoke calls a function and gives its answer, of whatever status. What it
// answers is no output: it is routed nowhere. The caller closes the body.
func (c *caller) invoke(ctx context.Context, in *invocation) (*http.Response, error) {
	method, err := cleanMethod(in.method)
	if err != nil {
		return nil, c.invokeFault(in.target, status.Errorf(codes.InvalidArgument, "invalid method: %v", err))
	}
	f := c.api.function(in.target)
	switch {
	case f == nil:
		return nil, c.invokeFault(in.target, fmt.Errorf("couldn't find service: %s: the mesh %s has no such function", in.target, c.api.plan.Name))
	case f != c.function && !c.api.plan.MayCall(c.function, f):
		return nil, universal(codes.PermissionDenied, http.StatusForbidden, errorcodes.ServiceInvocationDirectInvoke,
			fmt.Sprintf("failed to invoke, id: %s, err: access control policy has denied access: %s may not call %s; list %s.%s in its calls, or link the two",
				in.target, c.function.Name, f.Name, c.api.plan.Name, f.KubeName))
	}
	u := &url.URL{Scheme: "http", Host: f.Service, Path: "/" + method, RawQuery: in.query}
	r, err := http.NewRequestWithContext(ctx, in.verb, u.String(), in.body)
	if err != nil {
		return nil, c.invokeFault(in.target, err)
	}
	r.Header, r.ContentLength = in.header, in.length
	if f != c.function {
		r.Header[headerCallerNamespace] = []string{c.api.plan.Namespace}
		r.Header[headerCallerAppID] = []string{c.appID()}
		r.Header[headerCalleeAppID] = []string{f.Service}
	}
	resp, err := c.api.functions.Do(f, r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		return nil, c.invokeFault(in.target, err)
	}
	return resp, nil
}

// invokeFault is the fault of a call that got no answer.
func (c *caller) invokeFault(target string, err error) *fault {
	return universal(codes.Internal, http.StatusInternalServerError, errorcodes.ServiceInvocationDirectInvoke,
		fmt.Sprintf("failed to invoke, id: %s, err: %v", target, err))
}

// cleanMethod takes a method as a path without what leads out of it, and
// refuses what no path holds (daprd's NormalizeMethod).
func cleanMethod(m string) (string, error) {
	for i, r := range m {
		switch {
		case r == '#' || r == '?' || r == 0:
			return "", fmt.Errorf("method contains forbidden character: %q", m)
		case r < 0x20 || r == 0x7f:
			return "", fmt.Errorf("method contains control character at position %d: %q", i, m)
		}
	}
	return strings.TrimPrefix(path.Clean("/"+m), "/"), nil
}

// hopByHop headers are between two ends of a connection (RFC 7230, 6.1, and
// those that daprd adds).
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Transfer-Encoding": true, "Upgrade": true,
	"Http2-Settings": true, "Te": true, "Trailer": true, "Proxy-Authorization": true, "Proxy-Authenticate": true,
}

// forwarded gives the headers that go on, without those between two ends and
// those that Connection names.
func forwarded(h http.Header) http.Header {
	out := make(http.Header, len(h)+4)
	for k, v := range h {
		if !hopByHop[k] && k != "Content-Length" {
			out[k] = v
		}
	}
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	return out
}

// errNoTarget has daprd's text.
func errNoTarget() *fault {
	return universal(codes.NotFound, http.StatusNotFound, errorcodes.ServiceInvocationDirectInvoke,
		"failed getting app id either from the URL path or the header dapr-app-id")
}

// isBodyTooLarge says whether an error comes of a request above the limit.
func isBodyTooLarge(err error) bool {
	var e errTooLarge
	return errors.As(err, &e)
}
