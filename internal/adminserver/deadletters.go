package adminserver

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Bounds of the list of dead letters.
const (
	defaultDeadLetters = 100
	maxDeadLetters     = 10_000
)

func (s *routes) deadLetters(w http.ResponseWriter, r *http.Request) error {
	most, err := Number(r, "most", defaultDeadLetters, maxDeadLetters)
	if err != nil {
		return err
	}
	letters, err := s.DeadLetters().List(r.Context(), r.URL.Query().Get("function"), most)
	if err != nil {
		return err
	}
	list := make([]adminapi.DeadLetter, 0, len(letters))
	for _, d := range letters {
		list = append(list, letterOf(d, false))
	}
	WriteJSON(w, list)
	return nil
}

func letterOf(d delivery.DeadLetter, whole bool) adminapi.DeadLetter {
	out := adminapi.DeadLetter{
		ID: d.ID, Function: d.Function, Error: d.Error, Attempts: d.Attempts, TraceID: d.TraceID, Time: d.Time,
	}
	if d.Event == nil {
		return out
	}
	out.EventID, out.Type, out.Source = d.Event.ID(), d.Event.Type(), d.Event.Source()
	if whole {
		if b, err := wire.MarshalStructured(d.Event); err == nil {
			out.Event = b
		}
	}
	return out
}

func (s *routes) deadLetter(w http.ResponseWriter, r *http.Request) error {
	d, err := s.DeadLetters().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	WriteJSON(w, letterOf(d, true))
	return nil
}

func noDeadLetter(r *http.Request, err error) error {
	if errors.Is(err, delivery.ErrNotFound) {
		return Fault(http.StatusNotFound, "weft dlq list shows those that there are", "there is no dead letter %s", r.PathValue("id"))
	}
	return err
}

func (s *routes) edit(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Data json.RawMessage `json:"data"`
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if len(body.Data) == 0 {
		return Fault(http.StatusBadRequest, "", `the body has no "data"`)
	}
	d, err := s.DeadLetters().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	edited := d.Event.Clone()
	edited.SetDataContentType(contract.TypeJSON)
	edited.DataEncoded, edited.DataBase64 = body.Data, false
	d.Event = &edited
	if err := s.DeadLetters().Replace(r.Context(), d); err != nil {
		return noDeadLetter(r, err)
	}
	WriteJSON(w, letterOf(d, true))
	return nil
}

func (s *routes) drop(w http.ResponseWriter, r *http.Request) error {
	if err := s.DeadLetters().Remove(r.Context(), r.PathValue("id")); err != nil {
		return noDeadLetter(r, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *routes) redrive(w http.ResponseWriter, r *http.Request) error {
	_, dispatcher := s.Current()
	id, err := dispatcher.Redrive(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	WriteJSON(w, map[string]string{"id": id})
	return nil
}
