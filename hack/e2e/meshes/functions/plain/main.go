// Command plain is one of the services that a chain is compared with: it calls
// the next, at NEXT, and answers when that one has.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	next := os.Getenv("NEXT")
	http.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err == nil && next != "" {
			err = call(next, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = w.Write(body) // the caller has gone: nobody to tell
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}

func call(next string, body []byte) error {
	resp, err := http.Post(next, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", next, resp.Status)
	}
	return nil
}
