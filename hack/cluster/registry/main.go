// Command registry is a container registry for one machine: plain HTTP, no
// passwords, everything in one directory.
//
//	registry -listen ADDRESS -dir DIR
package main

import (
	"flag"
	"log"
	"net/http"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5000", "address to listen on")
	dir := flag.String("dir", "registry", "where images are kept")
	flag.Parse()
	handler, err := open(*dir)
	if err != nil {
		log.Fatal("registry: ", err)
	}
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal("registry: ", server.ListenAndServe())
}
