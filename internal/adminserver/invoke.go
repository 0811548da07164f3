package adminserver

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh/delivery"
)

func (s *routes) status(w http.ResponseWriter, r *http.Request) error {
	WriteJSON(w, s.Status(r.Context()))
	return nil
}

func (s *routes) invoke(w http.ResponseWriter, r *http.Request) error {
	plan, dispatcher := s.Current()
	f, err := Named(plan, r.PathValue("name"))
	if err != nil {
		return err
	}
	var req adminapi.InvokeRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	ev := event.New()
	ev.SetID(req.ID)
	if req.ID == "" {
		ev.SetID(rand.Text())
	}
	ev.SetSource("/" + plan.Namespace + "/" + plan.Name + "/invoke")
	ev.SetType(req.Type)
	if req.Type == "" {
		ev.SetType(plan.Name + ".invoke")
	}
	ev.SetTime(time.Now())
	if len(req.Data) > 0 {
		ev.SetDataContentType(contract.TypeJSON)
		ev.DataEncoded = req.Data
	}
	if parent := r.Header.Get(contract.HeaderTraceParent); parent != "" {
		ev.SetExtension(contract.ExtTraceParent, parent)
	}
	rec, outputs, err := dispatcher.Call(r.Context(), f, &ev)
	var unavailable *delivery.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return Fault(http.StatusServiceUnavailable, "its log says more: weft logs --function "+f.Name, "%s", unavailable.Error())
	case err != nil:
		return err
	}
	resp := adminapi.InvokeResponse{
		StatusCode: rec.StatusCode, TraceID: rec.TraceID, EventID: ev.ID(),
		Output: make([]json.RawMessage, 0, len(outputs)), Routed: []string{},
		Milliseconds: Milliseconds(rec.Duration), ColdMilliseconds: Milliseconds(rec.ColdStart),
	}
	if rec.Err != nil {
		resp.Error = rec.Err.Error()
	}
	for i := range outputs {
		resp.Output = append(resp.Output, dataJSON(&outputs[i].Event))
	}
	if !req.NoRoute {
		routed, err := dispatcher.Submit(r.Context(), delivery.OutcomeOf(rec, &ev, outputs))
		if err != nil {
			return err
		}
		for _, l := range routed.Links {
			resp.Routed = append(resp.Routed, l.To.Name)
		}
	}
	WriteJSON(w, resp)
	return nil
}

// Milliseconds of a duration, to the microsecond.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// dataJSON is the data of an event: JSON as it is, else as a string.
func dataJSON(e *event.Event) json.RawMessage {
	if data := e.Data(); wire.IsJSON(e.DataContentType()) && json.Valid(data) {
		return data
	}
	b, err := json.Marshal(string(e.Data()))
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
