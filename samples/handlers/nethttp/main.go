// Command submit takes expense claims. It is a server of net/http and nothing
// else: it listens on $PORT and ends on SIGTERM.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

type claim struct {
	ID       string  `json:"id"`
	Who      string  `json:"who"`
	What     string  `json:"what"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":" + cmp.Or(os.Getenv("PORT"), "8080"), Handler: http.HandlerFunc(submit)}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		<-ctx.Done()
		if err := server.Shutdown(context.Background()); err != nil {
			slog.Error("shutdown", "error", err)
		}
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("serve", "error", err)
		os.Exit(1)
	}
	<-drained
}

// submit answers with the claim and its id. In a mesh that answer is the
// output: it goes along the links.
func submit(w http.ResponseWriter, r *http.Request) {
	var c claim
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&c); err != nil {
		http.Error(w, "the body is not a claim in JSON: "+err.Error(), http.StatusBadRequest)
		return
	}
	if c.Who == "" || c.What == "" || c.Amount <= 0 || c.Currency == "" {
		http.Error(w, "a claim has who, what, amount (above 0) and currency", http.StatusBadRequest)
		return
	}
	c.ID = cmp.Or(r.Header.Get("Idempotency-Key"), rand.Text())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c) // the client has gone: nobody to tell
}
