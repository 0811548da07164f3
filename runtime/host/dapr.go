package host

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// headerDaprToken is how a Dapr sidecar shows its app who it is: with the value
// of the sidecar's own APP_API_TOKEN (Dapr's "app API token").
const headerDaprToken = "Dapr-Api-Token"

// ofSidecar says whether a request comes from the function's Dapr sidecar. A
// sidecar routes nothing: what the function emits goes to the sink. An engine
// that stands for the sidecar shows its own token instead, and routes what is
// answered.
func (h *Host) ofSidecar(r *http.Request) bool {
	return h.shows(r, headerDaprToken)
}

// shows says whether a request has the function's token in a header.
func (h *Host) shows(r *http.Request, header string) bool {
	if len(h.token) == 0 {
		return false
	}
	got := r.Header[header]
	return len(got) == 1 && subtle.ConstantTimeCompare([]byte(got[0]), h.token) == 1
}

// asksWhatIsWanted says whether a request is one of those by which a sidecar
// asks its app what it wants: its settings, its subscriptions, and, by OPTIONS
// to the path of each input binding, the events of that. A Func declares all
// that in the mesh. The answer is 404, as 405 would mean yes to OPTIONS (Dapr's
// input bindings).
func (h *Host) asksWhatIsWanted(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet:
		return strings.HasPrefix(r.URL.Path, "/dapr/")
	case http.MethodOptions:
		return h.ofSidecar(r)
	}
	return false
}
