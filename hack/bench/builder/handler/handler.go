// Package handler holds the two handlers that make bench has served in several
// ways. They do next to nothing: what is measured is what is around them.
package handler

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Answer is what HTTP answers.
const Answer = `{"hello":"world"}`

// HTTP reads a request's body and gives a small answer.
func HTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, Answer) // the client may have gone
}

// Event takes an event with data.
func Event(_ context.Context, e event.Event) error {
	if e.ID() == "" || len(e.Data()) == 0 {
		return errors.New("the event is empty")
	}
	return nil
}
