// Command fn is a function for tests; MODE says how it behaves.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// version is set by the linker.
var version = "1"

func main() {
	switch os.Getenv("MODE") {
	case "exits":
		fmt.Fprintln(os.Stderr, "no configuration found")
		os.Exit(3)
	case "deaf":
		fmt.Println("deaf")
		time.Sleep(time.Hour)
	case "garbage":
		l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
		if err != nil {
			panic(err)
		}
		for {
			if c, err := l.Accept(); err == nil {
				fmt.Fprintln(c, "this is not HTTP")
				c.Close()
			}
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "parent":
		// The child inherits the output, and tells its address there.
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "MODE=child", "PORT=0")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
	case "once":
		// Exits at its first start.
		if f, err := os.OpenFile(os.Getenv("ONCE"), os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Close()
			fmt.Println("not yet")
			os.Exit(1)
		}
	}

	var gate sync.Map
	gateOf := func(name string) chan struct{} {
		g, _ := gate.LoadOrStore(name, make(chan struct{}))
		return g.(chan struct{})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, version) })
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Join(os.Environ(), "\n")) })
	mux.HandleFunc("/dir", func(w http.ResponseWriter, _ *http.Request) {
		dir, _ := os.Getwd()
		fmt.Fprint(w, dir)
	})
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) {
		fmt.Fprintln(os.Stderr, "crashing as told")
		os.Exit(7)
	})
	// /hang/x answers once /free/x is called.
	mux.HandleFunc("/hang/{gate}", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-gateOf(r.PathValue("gate"))
		fmt.Fprint(w, "freed "+version)
	})
	mux.HandleFunc("/free/{gate}", func(w http.ResponseWriter, r *http.Request) { close(gateOf(r.PathValue("gate"))) })

	if os.Getenv("MODE") == "tells" {
		// Ready only for those who do not ask.
		mux.HandleFunc("/health/readiness", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	}

	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	if os.Getenv("MODE") == "tells" {
		fd, err := strconv.Atoi(os.Getenv("WEFT_READY_FD"))
		if err != nil {
			panic(err)
		}
		if _, err := os.NewFile(uintptr(fd), "ready").Write([]byte{1}); err != nil {
			panic(err)
		}
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "listening at", l.Addr())
	out.Flush()
	panic(http.Serve(l, mux))
}
