package adminserver

import "net/http"

// Bounds of the list of traces.
const (
	defaultTraces = 20
	maxTraces     = 500
)

func (s *routes) traces(w http.ResponseWriter, r *http.Request) error {
	most, err := Number(r, "most", defaultTraces, maxTraces)
	if err != nil {
		return err
	}
	WriteJSON(w, s.Recorder().Traces(most))
	return nil
}

func (s *routes) trace(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	t, ok := s.Recorder().Trace(id)
	if !ok {
		return Fault(http.StatusNotFound, "weft trace lists the latest; the engine remembers the last few thousand calls",
			"no trace, event or key %q is remembered", id)
	}
	WriteJSON(w, t)
	return nil
}
