// Command probe is what the check of the cluster runs in it: it answers, and
// keeps a value at the Dapr sidecar beside it.
//
//	GET /                            the name of its pod
//	GET /state?store=S&value=V       saves V in the state store S, reads and answers it
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"
)

const dapr = "http://127.0.0.1:3500/v1.0/state/"

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getenv("HOSTNAME"))
	})
	http.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) {
		value, err := keep(r.FormValue("store"), r.FormValue("value"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = w.Write(value)
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// keep saves a value under the key "probe" and returns what is there then.
func keep(store, value string) ([]byte, error) {
	body, err := json.Marshal([]map[string]string{{"key": "probe", "value": value}})
	if err != nil {
		return nil, err
	}
	at := dapr + url.PathEscape(store)
	if _, err := answer(http.Post(at, "application/json", bytes.NewReader(body))); err != nil {
		return nil, err
	}
	return answer(http.Get(at + "/probe"))
}

func answer(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("dapr: %s: %s", resp.Status, body)
	}
	return body, err
}
