package daprapi

import (
	"net/http"
	"strings"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc/codes"
)

// isHealth says whether a request asks for health, which needs no token (daprd's
// rule).
func isHealth(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	p := strings.Trim(r.URL.Path, "/")
	return p == v1+"/healthz" || p == v1+"/healthz/outbound"
}

// health answers 204 if calls can be served. appid, which some ask with, is the
// caller's app id, or any of the mesh's if nobody says who calls.
func (a *API) health(w http.ResponseWriter, r *http.Request) {
	outbound := strings.HasSuffix(strings.Trim(r.URL.Path, "/"), "outbound")
	switch {
	case a == nil && outbound:
		answerFault(w, universal(codes.Internal, http.StatusInternalServerError, errorcodes.HealthOutboundNotReady, "dapr outbound is not ready"))
		return
	case a == nil:
		answerFault(w, universal(codes.Internal, http.StatusInternalServerError, errorcodes.HealthNotReady, "dapr is not ready: the mesh is not up yet"))
		return
	}
	if q := r.URL.Query(); !outbound && q.Has("appid") {
		known := a.callers[q.Get("appid")]
		if c := a.caller(r.Header.Get(headerToken)); known == nil || c != nil && c != known {
			answerFault(w, universal(codes.Internal, http.StatusInternalServerError, errorcodes.HealthAppidNotMatch, "dapr app-id does not match"))
			return
		}
	}
	_ = answerEmpty(w)
}
