package daprapi

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// httpInvoke calls another function and streams its answer.
func (c *caller) httpInvoke(w http.ResponseWriter, r *http.Request) {
	target, method := invokeTarget(r)
	if target == "" {
		answerFault(w, errNoTarget())
		return
	}
	h := forwarded(r.Header)
	t := traceOfRequest(r)
	h["Traceparent"] = []string{t.parent}
	resp, err := c.invoke(r.Context(), &invocation{
		target: target, method: method, verb: r.Method, query: r.URL.RawQuery,
		header: h, body: r.Body, length: r.ContentLength,
	})
	if err != nil {
		answerError(w, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	for k, v := range forwarded(resp.Header) {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	dst := io.Writer(w)
	if resp.ContentLength < 0 {
		// Of unknown length is what may be a stream: each part goes on at once.
		dst = flushing{w, http.NewResponseController(w)}
	}
	if _, err := io.Copy(dst, resp.Body); err != nil {
		c.api.log.Warn("an invocation broke off: the caller has the first part of the answer",
			"caller", c.function.Name, "target", target, slog.String("error", err.Error()))
		// The caller must not take it for the whole.
		panic(http.ErrAbortHandler)
	}
}

// flushing sends on what is written at once.
type flushing struct {
	io.Writer
	rc *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.rc.Flush()
	}
	return n, err
}

// invokeTarget finds whom a request is for: by the header dapr-app-id, by the
// user dapr-app-id of basic authentication with the app id as password, or by
// the path /v1.0/invoke/{app}/method/{method...} (daprd's rule).
func invokeTarget(r *http.Request) (app, method string) {
	whole := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if app = r.Header.Get(headerAppID); app != "" {
		r.Header.Del(headerAppID)
		return app, whole
	}
	if basic, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Basic "); ok {
		if b, err := base64.StdEncoding.DecodeString(basic); err == nil {
			user, app, ok := strings.Cut(string(b), ":")
			if ok && strings.EqualFold(user, headerAppID) && !strings.Contains(app, ":") {
				return app, whole
			}
		}
	}
	version, rest := cut(strings.TrimLeft(r.URL.Path, "/"))
	group, rest := cut(strings.TrimLeft(rest, "/"))
	if version != v1 || group != "invoke" {
		return "", ""
	}
	app, method, ok := strings.Cut(strings.TrimLeft(rest, "/"), "/method/")
	if !ok {
		return "", ""
	}
	if u, err := url.QueryUnescape(app); err == nil && u != "" {
		app = u
	}
	return app, method
}
