// Command keeper is a function that uses every kind of Dapr component, as its
// requests ask.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/dapr/go-sdk/client"

	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/pubsub"
	"github.com/weftmesh/weft/runtime/secret"
	"github.com/weftmesh/weft/runtime/state"
)

var notes = state.Of[string]("notes")

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /keeper/state/{key}", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		answer(w, "", errors.Join(err, notes.Set(r.Context(), r.PathValue("key"), string(b))))
	})
	mux.HandleFunc("GET /keeper/state/{key}", func(w http.ResponseWriter, r *http.Request) {
		v, _, err := notes.Get(r.Context(), r.PathValue("key"))
		answer(w, v, err)
	})
	mux.HandleFunc("GET /keeper/foreign/{store}", func(w http.ResponseWriter, r *http.Request) {
		_, _, err := state.Of[string](r.PathValue("store")).Get(r.Context(), "k")
		answer(w, "", err)
	})
	// Dapr's own client needs nothing but its constructor.
	mux.HandleFunc("GET /keeper/sdk/{key}", func(w http.ResponseWriter, r *http.Request) {
		c, err := client.NewClient()
		if err != nil {
			answer(w, "", err)
			return
		}
		defer c.Close()
		item, err := c.GetState(r.Context(), "notes", r.PathValue("key"), nil)
		if err != nil {
			answer(w, "", err)
			return
		}
		var v string
		answer(w, v, json.Unmarshal(item.Value, &v))
	})
	mux.HandleFunc("POST /keeper/publish/{topic}", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		answer(w, "", errors.Join(err, pubsub.Publish(r.Context(), "bus", r.PathValue("topic"), map[string]string{"text": string(b)})))
	})
	mux.HandleFunc("POST /keeper/file/{name}", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = binding.Invoke(r.Context(), "files", "create", b, map[string]string{"fileName": r.PathValue("name")})
		}
		answer(w, "", err)
	})
	mux.HandleFunc("GET /keeper/secret/{key}", func(w http.ResponseWriter, r *http.Request) {
		v, err := secret.Get(r.Context(), "vault", r.PathValue("key"))
		answer(w, v, err)
	})
	mux.HandleFunc("GET /keeper/call/{app}", func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost,
			os.Getenv("DAPR_HTTP_ENDPOINT")+"/v1.0/invoke/"+r.PathValue("app")+"/method/hello", strings.NewReader(`{"id": "called"}`))
		if err != nil {
			answer(w, "", err)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("dapr-api-token", os.Getenv("DAPR_API_TOKEN"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answer(w, "", err)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"pubsubname": "bus", "topic": "asked", "route": "/topic"}]`)
	})
	mux.HandleFunc("POST /topic", keep)
	mux.HandleFunc("POST /passon", func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Data map[string]string `json:"data"`
		}
		err := json.NewDecoder(r.Body).Decode(&m)
		answer(w, "", errors.Join(err, fn.Emit(r.Context(), "last", map[string]string{"id": m.Data["text"]})))
	})
	mux.HandleFunc("OPTIONS /tick", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /tick", func(w http.ResponseWriter, r *http.Request) {
		answer(w, "", notes.Set(r.Context(), "tick", "ticked"))
	})
	fn.HTTP("keeper", mux)
	fn.Main()
}

// keep files the text of a message under its topic.
func keep(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Topic string            `json:"topic"`
		Data  map[string]string `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		answer(w, "", err)
		return
	}
	if err := notes.Set(r.Context(), m.Topic, m.Data["text"]); err != nil {
		answer(w, "", err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func answer(w http.ResponseWriter, text string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, text)
}
